import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { decide } from './decide.bench.js';
import { endToEnd } from './end-to-end.bench.js';
import { engines } from './engines.bench.js';
import { frontDoor } from './front-door.bench.js';
import { identity } from './identity.bench.js';
import { lifts } from './lifts.bench.js';
import { machineFacts } from './machine.js';
import { reads } from './reads.bench.js';
import { recommend } from './recommend.bench.js';
import { storage } from './storage.bench.js';
import { printFacts, printReport } from './print-report.js';
import type { Benchmark, BenchmarkReport } from './report.js';

/** Every benchmark; one file and one line here each. */
const benchmarks: readonly Benchmark[] = [
  frontDoor,
  identity,
  endToEnd,
  decide,
  reads,
  storage,
  engines,
  recommend,
  lifts,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '9' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const seconds = Number(values.seconds);
const unknown = positionals.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name));
if (values.help || unknown.length > 0 || !(seconds > 0)) {
  if (unknown.length > 0) process.stderr.write(`there is no benchmark ${unknown.join(', ')}\n`);
  process.stderr.write('npm run bench -- [name …] [--seconds 9] [--json]\n');
  for (const { name, title } of benchmarks) process.stderr.write(`  ${name.padEnd(12)} ${title}\n`);
  process.exit(values.help ? 0 : 2);
}

const base = join(process.cwd(), '.local');
mkdirSync(base, { recursive: true });
const workDir = mkdtempSync(join(base, 'bench-'));
const say = (line: string): void => void (values.json || process.stderr.write(`  … ${line}\n`));
let missed = false;
try {
  const machine = machineFacts(workDir);
  if (!values.json) printFacts(machine);
  const reports: BenchmarkReport[] = [];
  for (const benchmark of benchmarks) {
    if (positionals.length > 0 && !positionals.includes(benchmark.name)) continue;
    const dir = join(workDir, benchmark.name);
    mkdirSync(dir);
    const report = await benchmark.run({ seconds, workDir: dir, say });
    rmSync(dir, { recursive: true, force: true });
    reports.push(report);
    if (!values.json) missed = printReport(report) || missed;
  }
  if (values.json)
    process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), machine, reports }, null, 2)}\n`);
} finally {
  rmSync(workDir, { recursive: true, force: true });
}
if (missed) process.stdout.write('\na floor was missed: see the marks above\n');
