import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { runFuzz } from './run-fuzz.js';

interface Options {
  readonly seed: number;
  readonly seconds: number;
  readonly doors?: readonly string[];
  readonly json?: boolean;
}

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number from 1');
  return value;
};

const program = new Command('fuzz')
  .description('sends a platform whatever its doors let in and more, and checks that nothing of it does harm')
  .option('--seed <n>', 'what is sent follows from it', count, 1)
  .option('--seconds <n>', 'how long', count, 60)
  .option('--doors <names>', 'some of the doors, comma between', (text) => text.split(','))
  .option('--json', 'the report as JSON')
  .action(async ({ seed, seconds, doors, json }: Options) => {
    let told = 0;
    const say = (line: string): void => void process.stderr.write(`${line}\n`);
    const report = await runFuzz({
      root: fileURLToPath(new URL('../../../', import.meta.url)),
      seed,
      seconds,
      ...(doors === undefined ? {} : { doors }),
      say,
      // A terminal sees each second, a file every tenth.
      progress: (line) => {
        if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
        else if (told++ % 10 === 0) say(line);
      },
    });
    if (json === true) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
    else {
      const { findings, ...figures } = report;
      process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
      for (const { kind, place, count: times } of findings)
        process.stdout.write(`${kind}: ${place} (${times}×)\n`);
      process.stdout.write(`${findings.length} found\n`);
    }
    process.exitCode = report.findings.length > 0 ? 1 : 0;
  });

await program.parseAsync();
