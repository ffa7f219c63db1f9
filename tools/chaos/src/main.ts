import { mkdirSync, writeFileSync, appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { endAll } from './ending.js';
import { median, type Recovery } from './recoveries.js';
import { runSeed, waysToRun, type SeedReport, type WayToRun } from './run-seed.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const logs = join(root, '.local/chaos');

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly events: number;
  readonly kills: number;
  readonly rate: number;
  readonly ways: readonly WayToRun[];
  readonly json?: boolean;
}

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('expected a whole number');
  return value;
};

const waysOf = (text: string): readonly WayToRun[] => {
  const ways = text.split(',').map((name) => waysToRun.find((known) => known === name));
  if (ways.some((way) => way === undefined))
    throw new InvalidArgumentError(`expected some of ${waysToRun.join()}`);
  return ways.filter((way) => way !== undefined);
};

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.stderr.write(`${signal}: ending what was started\n`);
    void endAll().finally(() => process.exit(130));
  });
}

const program = new Command('chaos')
  .description('shakes a cluster while it works, and compares what it says with what must be')
  .option('--seeds <n>', 'how many', count, 10)
  .option('--from <seed>', 'the first one', count, 1)
  .option('--events <n>', 'per seed', count, 50_000)
  .option('--kills <n>', 'per seed', count, 4)
  .option('--rate <n>', 'events per second sent to a cluster; 0: as fast as it takes them', count, 50)
  .option('--ways <names>', 'ways of running the input that are compared', waysOf, waysToRun)
  .option('--json', 'the figures as JSON')
  .action(async (options: Options) => {
    process.exitCode = (await runAll(options)) ? 0 : 1;
  });

const restartsOf = (
  recoveries: readonly Recovery[],
): { restarts: number; medianConsumingMs: number; medianOwnMs: number } => ({
  restarts: recoveries.length,
  medianConsumingMs: median(recoveries.map(({ consumingMs }) => consumingMs)),
  medianOwnMs: median(recoveries.map(({ ownMs }) => ownMs)),
});

async function runAll({ seeds, from, events, kills, rate, ways, json }: Options): Promise<boolean> {
  mkdirSync(logs, { recursive: true });
  const perSecond = rate === 0 ? undefined : rate;
  const reports: SeedReport[] = [];
  for (let seed = from; seed < from + seeds; seed++) {
    const log = join(logs, `seed-${seed}.log`);
    writeFileSync(log, '');
    const say = (line: string): void => {
      appendFileSync(log, `${line}\n`);
      if (json !== true) process.stdout.write(`${line}\n`);
    };
    reports.push(await runSeed({ root, seed, events, kills, perSecond, ways, say }));
  }
  const recoveries = reports.flatMap((report) => report.recoveries);
  const summary = {
    seeds,
    events: reports.reduce((sum, report) => sum + report.events, 0),
    kills: reports.reduce((sum, report) => sum + report.kills, 0),
    violations: reports.reduce((sum, report) => sum + report.violations.length, 0),
    ...restartsOf(recoveries),
    ofSpares: restartsOf(recoveries.filter(({ wasSpare }) => wasSpare)),
    ofColdStarts: restartsOf(recoveries.filter(({ wasSpare }) => !wasSpare)),
  };
  process.stdout.write(
    `${JSON.stringify(json === true ? { ...summary, reports } : summary, undefined, 2)}\n`,
  );
  return summary.violations === 0;
}

await program.parseAsync();
