/** Shares over time as a small picture of block characters. */

const BLOCKS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const STEPS = BLOCKS.length - 1;

/** `values` are 0…1, each a column; the rows from top to bottom, with 0 % and 100 % on the left. */
export function chart(values: readonly number[], height: number, width: number): string[] {
  const columns = fold(values, width);
  const rows: string[] = [];
  for (let row = height - 1; row >= 0; row -= 1) {
    const label = row === height - 1 ? '100 % ' : row === 0 ? '  0 % ' : '      ';
    const blocks = columns.map((value) => {
      // What is not nothing must not look like nothing.
      const eighths = value > 0 ? Math.max(1, Math.round(value * height * STEPS)) : 0;
      return BLOCKS[Math.min(STEPS, Math.max(0, eighths - row * STEPS))];
    });
    rows.push(`${label}│${blocks.join('')}`);
  }
  return rows;
}

/** No more columns than there is room for; each then shows the mean of those it stands for. */
function fold(values: readonly number[], width: number): readonly number[] {
  const columns = Math.min(values.length, Math.max(1, Math.floor(width)));
  return Array.from({ length: columns }, (_, column) => {
    const first = Math.floor((column * values.length) / columns);
    const part = values.slice(first, Math.floor(((column + 1) * values.length) / columns));
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
