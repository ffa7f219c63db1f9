import type { MonthReport } from '../virtual/run-month.js';

/** One tactic under one seed: what is true, what was reported, and whether the interval has the truth in it. */
export interface Cell {
  readonly truth: number;
  readonly lift: number;
  readonly low: number;
  readonly high: number;
  readonly treated: number;
  readonly heldOut: number;
  readonly covers: boolean;
}

/** One tactic over all seeds. */
export interface TacticRow {
  readonly tactic: string;
  /** By seed; undefined where no interval was reported. */
  readonly cells: ReadonlyMap<number, Cell | undefined>;
  readonly covered: number;
  /** Mean of (reported - true) over the seeds, in standard errors of that mean: an unbiased report stays within a few. */
  readonly biasInStandardErrors: number;
  readonly meanTruth: number;
  readonly meanLift: number;
  readonly meanHalfWidth: number;
}

/** Lays reports beside the truth. `shift` adds to every truth: a check that wrong truths are found out. */
export function compareLifts(
  months: readonly MonthReport[],
  shift: (cell: Omit<Cell, 'covers'>) => number = () => 0,
): TacticRow[] {
  const tactics = months[0]?.tactics.map(({ truth }) => truth.tactic) ?? [];
  return tactics.map((tactic) => {
    const cells = new Map(months.map((month) => [month.seed, cellOf(month, tactic, shift)]));
    const known = [...cells.values()].filter((cell) => cell !== undefined);
    const mean = (of: (cell: Cell) => number): number =>
      known.reduce((sum, cell) => sum + of(cell), 0) / Math.max(1, known.length);
    const error = mean((cell) => cell.lift - cell.truth);
    const variance =
      known.reduce((sum, cell) => sum + (cell.lift - cell.truth - error) ** 2, 0) /
      Math.max(1, known.length - 1);
    return {
      tactic,
      cells,
      covered: known.filter(({ covers }) => covers).length,
      biasInStandardErrors: variance === 0 ? 0 : error / Math.sqrt(variance / known.length),
      meanTruth: mean((cell) => cell.truth),
      meanLift: mean((cell) => cell.lift),
      meanHalfWidth: mean((cell) => (cell.high - cell.low) / 2),
    };
  });
}

function cellOf(
  month: MonthReport,
  tactic: string,
  shift: (cell: Omit<Cell, 'covers'>) => number,
): Cell | undefined {
  const found = month.tactics.find(({ truth }) => truth.tactic === tactic);
  const reported = found?.reported;
  if (
    found === undefined ||
    reported?.lift === undefined ||
    reported.low === undefined ||
    reported.high === undefined
  )
    return undefined;
  const { lift, low, high, treated, heldOut } = reported;
  const told = { truth: found.truth.lift, lift, low, high, treated, heldOut };
  const truth = told.truth + shift(told);
  return { ...told, truth, covers: low <= truth && truth <= high };
}

/** The table seed × tactic: `true in [low, high]`, with a cross where it lies outside. */
export function coverageTable(rows: readonly TacticRow[]): string {
  const seeds = [...(rows[0]?.cells.keys() ?? [])];
  const short = (value: number): string => value.toFixed(Math.abs(value) < 10 ? 2 : 1);
  const text = (cell: Cell | undefined): string =>
    cell === undefined
      ? 'no interval'
      : `${short(cell.truth)} ${cell.covers ? 'in' : '✗'} [${short(cell.low)}, ${short(cell.high)}]`;
  const lines = [
    ['seed', ...rows.map(({ tactic }) => tactic)],
    ...seeds.map((seed) => [String(seed), ...rows.map(({ cells }) => text(cells.get(seed)))]),
    ['inside', ...rows.map(({ covered }) => `${covered} of ${seeds.length}`)],
    ['mean true', ...rows.map(({ meanTruth }) => short(meanTruth))],
    [
      'mean told',
      ...rows.map(({ meanLift, meanHalfWidth }) => `${short(meanLift)} ± ${short(meanHalfWidth)}`),
    ],
    ['bias/s.e.', ...rows.map(({ biasInStandardErrors }) => short(biasInStandardErrors))],
  ];
  const widths = (lines[0] ?? []).map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
