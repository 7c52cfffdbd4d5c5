/** Rows of words as a table that fits the terminal. */

const GAP = '  ';
const ELLIPSIS = '…';
/** A column is not made narrower than this while another one can give. */
const NARROWEST = 8;

/** Lines without line ends. Where the table is too wide, the widest columns lose their ends. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const all = [header, ...rows.map((row) => row.map(printable))];
  const widths = header.map((_, column) =>
    all.reduce((most, row) => Math.max(most, lengthOf(row[column] ?? '')), 0),
  );
  shrink(widths, width);
  return all.map((row) =>
    widths
      .map((columns, index) => fitted(row[index] ?? '', columns))
      .join(GAP)
      .trimEnd(),
  );
}

function shrink(widths: number[], width: number): void {
  let excess = widths.reduce((sum, columns) => sum + columns + GAP.length, -GAP.length) - width;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= NARROWEST) return;
    widths[widest]! -= 1;
    excess -= 1;
  }
}

function fitted(text: string, columns: number): string {
  const length = lengthOf(text);
  if (length <= columns) return text + ' '.repeat(columns - length);
  return [...text].slice(0, columns - 1).join('') + ELLIPSIS;
}

const lengthOf = (text: string): number => [...text].length;

/** What comes from a pool must not be able to steer the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '\uFFFD');
}
