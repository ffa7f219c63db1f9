import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { endAll } from '../ending.js';
import { compareDigests, type DigestsReport } from './compare-digests.js';
import type { Input } from './input.js';
import { monthInput } from './month-input.js';
import { onlineRetailInput } from './online-retail-input.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const logs = join(root, '.local/digests');
const inputs = ['month', 'online-retail'] as const;
type InputName = (typeof inputs)[number];

interface Options {
  readonly seed: number;
  readonly people: number;
  readonly days: number;
  readonly lines?: number;
  readonly json?: boolean;
}

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('expected a whole number above 0');
  return value;
};

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.stderr.write(`${signal}: ending what was started\n`);
    void endAll().finally(() => process.exit(130));
  });
}

const program = new Command('digests')
  .description('the same input into one process and into a cluster; compares what became of everybody')
  .addArgument(new Argument('[input]', 'which one; default both').choices(inputs))
  .option('--seed <n>', 'of the month', count, 1)
  .option('--people <n>', 'in the month', count, 800)
  .option('--days <n>', 'of the month', count, 30)
  .option('--lines <n>', 'of Online Retail, from the beginning; default all', count)
  .option('--json', 'the figures as JSON')
  .action(async (input: InputName | undefined, options: Options) => {
    process.exitCode = (await run(input === undefined ? inputs : [input], options)) ? 0 : 1;
  });

async function run(names: readonly InputName[], options: Options): Promise<boolean> {
  mkdirSync(logs, { recursive: true });
  const reports: DigestsReport[] = [];
  for (const name of names) {
    const input = inputOf(name, options);
    if (input === undefined) continue;
    const log = join(logs, `${name}.log`);
    writeFileSync(log, '');
    const say = (line: string): void => {
      appendFileSync(log, `${line}\n`);
      if (options.json !== true) process.stdout.write(`${line}\n`);
    };
    reports.push(await compareDigests({ root, input, say }));
  }
  process.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`);
  return reports.every(({ equal, apart }) => equal && apart.length === 0);
}

function inputOf(name: InputName, { seed, people, days, lines }: Options): Input | undefined {
  if (name === 'month') return monthInput({ root, seed, people, days });
  const file = join(
    resolve(process.env['RAPPORT_DATASETS_DIR'] ?? join(root, '../shared/data')),
    'online_retail_uci/online_retail.csv.gz',
  );
  if (existsSync(file)) return onlineRetailInput({ root, file, ...(lines === undefined ? {} : { lines }) });
  process.stderr.write(`online-retail skipped: data not present (${file})\n`);
  return undefined;
}

await program.parseAsync();
