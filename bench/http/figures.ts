import { median, quantile } from '../lib/report.ts';
import type { Books } from './check-books.ts';
import { type LoadResult, OPERATIONS, type Operation } from './plan.ts';

interface OperationFigures {
  readonly requests: number;
  readonly per_sec: number;
  readonly errors: number;
  readonly p50_ms: number;
  readonly p90_ms: number;
  readonly p99_ms: number;
  readonly p999_ms: number;
  readonly max_ms: number;
  /** The median of the 99th percentiles of five equal parts of the run. */
  readonly p99_of_parts_ms: number;
}

export interface RunFigures {
  readonly pairs_per_sec: number;
  readonly operations: Record<Operation, OperationFigures>;
  /** CPU seconds a second, all threads. */
  readonly server_cpu: number;
  readonly client_cpu: number;
  readonly most_held: number;
  readonly books: Books;
  readonly complaints: readonly string[];
}

const PARTS = 5;

export function figuresOf(
  pairs: number,
  result: LoadResult,
  serverCpuSec: number,
  books: Books,
): RunFigures {
  const { wallSec, cpuSec, operations, mostHeld, complaints } = result;
  const entries = OPERATIONS.map((name) => [name, operationFigures(operations[name], wallSec)]);
  return {
    pairs_per_sec: pairs,
    operations: Object.fromEntries(entries) as RunFigures['operations'],
    server_cpu: round(serverCpuSec),
    client_cpu: round(cpuSec / wallSec),
    most_held: mostHeld,
    books,
    complaints,
  };
}

function operationFigures(
  { ms, errors }: LoadResult['operations'][Operation],
  wallSec: number,
): OperationFigures {
  const sorted = ms.toSorted();
  const parts = Array.from({ length: PARTS }, (_, part) => {
    const size = ms.length / PARTS;
    return quantile(ms.slice(Math.floor(part * size), Math.floor((part + 1) * size)).sort(), 0.99);
  });
  const at = (q: number) => round(quantile(sorted, q));
  return {
    requests: ms.length,
    per_sec: Math.round(ms.length / wallSec),
    errors,
    p50_ms: at(0.5),
    p90_ms: at(0.9),
    p99_ms: at(0.99),
    p999_ms: at(0.999),
    max_ms: at(1),
    p99_of_parts_ms: round(median(parts)),
  };
}

const round = (value: number) => Math.round(value * 100) / 100;

/**
 * Whether what a tenant waits for stays below the target, without an error. `part` judges by the
 * typical part of the run, so that one stall of a machine that others use does not decide.
 */
export function isWithin(
  { operations, pairs_per_sec: pairs }: RunFigures,
  ms: number,
  part = false,
): boolean {
  const isFast = (['lease', 'release'] as const).every((name) => {
    const { per_sec: rate, p99_ms: p99, p99_of_parts_ms: p99OfParts } = operations[name];
    return (part ? p99OfParts : p99) < ms && rate > pairs * 0.95;
  });
  return isFast && OPERATIONS.every((name) => operations[name].errors === 0);
}

export function tableOf({ operations }: RunFigures): string[][] {
  const rows = OPERATIONS.map((name) => {
    const { per_sec, p50_ms, p90_ms, p99_ms, p999_ms, max_ms, errors } = operations[name];
    return [name, ...[per_sec, p50_ms, p90_ms, p99_ms, p999_ms, max_ms, errors].map(String)];
  });
  return [['', 'calls/s', 'p50 ms', 'p90', 'p99', 'p99.9', 'max', 'errors'], ...rows];
}
