/**
 * Line charts as SVG, by hand: no scripts, no fonts, nothing from outside. Text and axes are of a
 * grey that can be read on light and on dark pages.
 */
import { escapeXml } from './xml.ts';

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Marks at the points; lines without them. */
  readonly hasMarks?: boolean;
}

export interface ChartSpec {
  readonly title: string;
  readonly x: { readonly label: string; readonly ticks?: readonly number[] };
  readonly y: { readonly label: string; readonly format?: (value: number) => string };
  /** Words at the ends of the x axis, in place of numbers. */
  readonly edges?: readonly [string, string];
  readonly series: readonly Series[];
  readonly lines?: readonly Mark[];
  /** The lowest y that is shown; 0 unless given. */
  readonly floor?: number;
}

/** A dashed line across the chart, with its meaning. */
export interface Mark {
  readonly axis: 'x' | 'y';
  readonly at: number;
  readonly label: string;
}

const WIDTH = 800;
const HEIGHT = 420;
const MARGIN = { left: 64, right: 24, top: 44, bottom: 84 } as const;
/** Told apart by hue and lightness, on light and dark. */
const COLORS = ['#0a84c1', '#d9730d', '#8a63d2', '#2f9e5b', '#c2415d'] as const;
const GREY = '#767c84';

export function lineChart(spec: ChartSpec): string {
  const { title, series, lines = [], edges, x, y, floor = 0 } = spec;
  const xs = series.flatMap(({ points }) => points.map(([value]) => value));
  const ys = series.flatMap(({ points }) => points.map(([, value]) => value));
  for (const { axis, at } of lines) (axis === 'x' ? xs : ys).push(at);
  const [left, right] = spread(xs.reduce(least, Infinity), xs.reduce(most, -Infinity));
  const highest = ys.reduce(most, floor);
  const top = highest > floor ? highest : floor + 1;
  const atX = (value: number): number =>
    MARGIN.left + ((value - left) / (right - left)) * (WIDTH - MARGIN.left - MARGIN.right);
  const atY = (value: number): number =>
    HEIGHT -
    MARGIN.bottom -
    ((Math.max(value, floor) - floor) / (top - floor)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const { format = (value: number) => String(Number(value.toPrecision(3))) } = y;
  const parts = [
    `<title>${escapeXml(title)}</title>`,
    label(WIDTH / 2, 22, title, 'middle', 'font-size="15" font-weight="600"'),
    ...ticksOf(floor, top).map((value) =>
      [
        `<path d="M${MARGIN.left} ${round(atY(value))}H${WIDTH - MARGIN.right}" stroke="${GREY}" stroke-opacity=".3"/>`,
        label(MARGIN.left - 8, atY(value) + 4, format(value), 'end'),
      ].join(''),
    ),
    ...(edges === undefined
      ? (x.ticks ?? ticksOf(left, right)).map((value) =>
          label(atX(value), HEIGHT - MARGIN.bottom + 18, String(value), 'middle'),
        )
      : [
          label(MARGIN.left, HEIGHT - MARGIN.bottom + 18, edges[0], 'start'),
          label(WIDTH - MARGIN.right, HEIGHT - MARGIN.bottom + 18, edges[1], 'end'),
        ]),
    label(WIDTH / 2, HEIGHT - MARGIN.bottom + 38, x.label, 'middle'),
    label(MARGIN.left, MARGIN.top - 8, y.label, 'start'),
    ...lines.map((line, nth) => markOf(line, nth, atX, atY)),
    ...series.map((one, nth) => lineOf(one, COLORS[nth % COLORS.length]!, atX, atY)),
    ...legend(series),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" color="${GREY}" font-family="system-ui, sans-serif" font-size="12" fill="none">
${parts.join('\n')}
</svg>
`;
}

const least = (a: number, b: number): number => Math.min(a, b);
const most = (a: number, b: number): number => Math.max(a, b);

function spread(from: number, to: number): [number, number] {
  if (!Number.isFinite(from) || !Number.isFinite(to)) return [0, 1];
  return from === to ? [from - 1, to + 1] : [from, to];
}

/** Four to eight round numbers within the range. */
function ticksOf(from: number, to: number): number[] {
  const raw = (to - from) / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= raw) ?? raw;
  const ticks: number[] = [];
  for (let nth = Math.ceil(from / step); nth * step <= to * (1 + 1e-9); nth += 1) {
    ticks.push(Number((nth * step).toPrecision(12)));
  }
  return ticks;
}

function lineOf(
  { points, hasMarks = false }: Series,
  color: string,
  atX: (x: number) => number,
  atY: (y: number) => number,
): string {
  const places = points.map(([x, y]) => `${round(atX(x))} ${round(atY(y))}`);
  const marks = hasMarks
    ? points.map(
        ([x, y]) => `<circle cx="${round(atX(x))}" cy="${round(atY(y))}" r="3" fill="${color}"/>`,
      )
    : [];
  return `<path d="M${places.join('L')}" stroke="${color}" stroke-width="2" stroke-linejoin="round"/>${marks.join('')}`;
}

function markOf(
  { axis, at, label: words }: Mark,
  nth: number,
  atX: (x: number) => number,
  atY: (y: number) => number,
): string {
  const isUpright = axis === 'x';
  const path = isUpright
    ? `M${round(atX(at))} ${MARGIN.top}V${HEIGHT - MARGIN.bottom}`
    : `M${MARGIN.left} ${round(atY(at))}H${WIDTH - MARGIN.right}`;
  const isLate = isUpright && atX(at) > WIDTH * 0.7;
  const text = isUpright
    ? label(
        atX(at) + (isLate ? -4 : 4),
        HEIGHT - MARGIN.bottom - 8 - 15 * nth,
        words,
        isLate ? 'end' : 'start',
      )
    : label(WIDTH - MARGIN.right, atY(at) - 4, words, 'end');
  return `<path d="${path}" stroke="${GREY}" stroke-dasharray="4 3"/>${text}`;
}

function legend(series: readonly Series[]): string[] {
  const space = (WIDTH - MARGIN.left - MARGIN.right) / Math.max(1, series.length);
  return series.map(({ name }, nth) => {
    const x = MARGIN.left + nth * space;
    const color = COLORS[nth % COLORS.length]!;
    return `<path d="M${round(x)} ${HEIGHT - 18}h22" stroke="${color}" stroke-width="3"/>${label(x + 28, HEIGHT - 14, name, 'start')}`;
  });
}

function label(x: number, y: number, text: string, anchor: string, more = ''): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="currentColor"${more === '' ? '' : ` ${more}`}>${escapeXml(text)}</text>`;
}

const round = (value: number): number => Math.round(value * 10) / 10;
