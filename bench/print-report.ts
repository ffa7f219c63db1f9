import Table from 'cli-table3';
import type { MachineFacts } from './machine.js';
import { formatNumber, type BenchmarkReport, type Figure } from './report.js';

export function printFacts(machine: MachineFacts): void {
  process.stdout.write(
    `${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB, Node ${machine.node}, ${machine.kernel}, ` +
      `fsync of 4 KiB ${formatNumber(machine.fsyncMs)} ms, load before ${formatNumber(machine.loadBefore)}, revision ${machine.revision}\n`,
  );
  if (machine.loadBefore > 0.5) {
    process.stdout.write(
      'The machine was not idle before this: rates are lower bounds, times are upper bounds; ratios within one run hold.\n',
    );
  }
}

/** Answers whether a floor was missed. */
export function printReport(report: BenchmarkReport): boolean {
  const table = new Table({
    head: ['figure', 'value', 'unit', 'floor', 'aim', ''],
    colAligns: ['left', 'right', 'left', 'right', 'right', 'left'],
    style: { head: [], border: [] },
  });
  for (const figure of report.figures) {
    const { name, value, unit, floor, aim, middleHalf } = figure;
    table.push([
      name,
      formatNumber(value),
      middleHalf === undefined ? unit : `${unit} (half within ${middleHalf.map(formatNumber).join(' to ')})`,
      floor === undefined ? '' : formatNumber(floor),
      aim === undefined ? '' : formatNumber(aim),
      markOf(figure),
    ]);
  }
  process.stdout.write(`\n${report.title}\n${report.setup}\n${table.toString()}\n`);
  return report.figures.some((figure) => markOf(figure) === 'BELOW THE FLOOR');
}

function markOf({ value, floor, aim, lessIsBetter }: Figure): string {
  const reaches = (bound: number): boolean => (lessIsBetter === true ? value <= bound : value >= bound);
  if (floor !== undefined && !reaches(floor)) return 'BELOW THE FLOOR';
  if (aim !== undefined) return reaches(aim) ? 'aim reached' : 'floor reached';
  return '';
}
