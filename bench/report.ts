/** One figure of a benchmark. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** `events/s`, `ms`, `×` … */
  readonly unit: string;
  /** What it must at least (rates, ratios) or at most (times) be; absent where it is only for comparison. */
  readonly floor?: number;
  readonly aim?: number;
  /** First and third quartile of what `value` is the median of. */
  readonly middleHalf?: readonly [number, number];
  /** True where less is better. */
  readonly lessIsBetter?: boolean;
}

export interface BenchmarkReport {
  readonly name: string;
  readonly title: string;
  /** Which processes ran, and what was measured on what. */
  readonly setup: string;
  readonly figures: readonly Figure[];
}

/** A benchmark: a name for the command line and what measures it. */
export interface Benchmark {
  readonly name: string;
  readonly title: string;
  run(options: BenchmarkOptions): Promise<BenchmarkReport>;
}

export interface BenchmarkOptions {
  /** How long each figure is measured; of two sides that are compared, each. */
  readonly seconds: number;
  /** A folder on the disk that is measured, removed afterwards. */
  readonly workDir: string;
  /** A line about what is going on. */
  readonly say: (line: string) => void;
}

/** Sorted ascending first; the value below which so many of a hundred lie. */
export function percentile(sorted: Float64Array | readonly number[], percent: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? NaN;
}

export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return 'n/a';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(2);
}
