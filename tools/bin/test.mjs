#!/usr/bin/env node
// npm test: install what is missing, build, then two lanes side by side, one per core: what runs on real Kafka and a
// MongoDB-protocol server, and the rest (checks, unit and contract tests, embedded stories, training).
// Ends with one line `N passed, N failed, N skipped`.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackages, root } from './install.mjs';

const startedMs = Date.now();
installPackages();
const { build } = await import('./build.mjs');
console.log(`built: ${await build()} file(s) compiled`);

/** Runs a program to its end; resolves with its exit code and, where piped, what it printed. */
const run = (command, args, stdio = 'inherit') =>
  new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', stdio, 'inherit'] });
    let stdout = '';
    child.stdout?.on('data', (some) => (stdout += some));
    child.once('error', () => resolve({ status: 1, stdout }));
    child.once('close', (status) => resolve({ status, stdout }));
  });

const total = { passed: 0, failed: 0, skipped: 0 };
const count = (title, { passed, failed, skipped = 0 }) => {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  const after = Math.round((Date.now() - startedMs) / 1000);
  console.log(
    `-- ${title}: ${passed} ok, ${failed} not ok${skipped ? `, ${skipped} skipped` : ''} (after ${after} s)\n`,
  );
};

async function jest(title, args) {
  console.log(`-- ${title}`);
  const folder = mkdtempSync(join(tmpdir(), 'rapport-jest-'));
  const output = join(folder, 'result.json');
  const jestMain = join(root, 'tools/bin/jest.mjs');
  const { status } = await run(
    process.execPath,
    // A spec that failed may have left a client open that never ends by itself.
    [jestMain, '--json', `--outputFile=${output}`, '--maxWorkers=1', '--forceExit', ...args],
    'ignore',
  );
  const result = existsSync(output) ? JSON.parse(readFileSync(output, 'utf8')) : undefined;
  rmSync(folder, { recursive: true, force: true });
  if (result === undefined) return count(title, { passed: 0, failed: 1 });
  // A suite that could not even load has no tests of its own: it counts as one failure. So does a runner that ended badly without one.
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  count(title, {
    passed: result.numPassedTests,
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: result.numPendingTests + result.numTodoTests,
  });
}

/** Specs that start or share Kafka or the MongoDB-protocol server. */
const onEngines = [
  '/e2e/engines/',
  '/(kafka|mongo)-[^/]*\\.int\\.spec\\.ts$',
  '/local-engines\\.int\\.spec\\.ts$',
  '/topics\\.command\\.int\\.spec\\.ts$',
];
const deep = '\\.deep\\.spec\\.ts$';

async function engines() {
  const { status } = await run(process.execPath, [join(root, 'infra/local/engines.mjs'), 'provision']);
  if (status !== 0) return count('engines', { passed: 0, failed: 1 });
  await jest('tests on real engines', ['--testPathPatterns', ...onEngines]);
}

async function others() {
  const { status, stdout } = await run(process.execPath, [join(root, 'tools/bin/checks.mjs')], 'pipe');
  process.stdout.write(stdout);
  const [, passed, failed] = /^(\d+) ok, (\d+) not ok$/m.exec(stdout) ?? [0, 0, 1];
  count('checks', { passed: Number(passed), failed: Number(failed) || (status === 0 ? 0 : 1) });
  await jest('unit and contract tests', [
    '--testPathIgnorePatterns',
    '/dist/',
    deep,
    '\\.int\\.spec\\.ts$',
    '^.*/e2e/',
  ]);
  await jest('embedded integration and end-to-end tests', [
    '--testPathPatterns',
    '\\.int\\.spec\\.ts$',
    '/e2e/',
    '--testPathIgnorePatterns',
    '/dist/',
    deep,
    ...onEngines,
  ]);
  if (existsSync(join(root, 'training/test.mjs'))) await training();
}

async function training() {
  console.log('-- training');
  const { status, stdout } = await run(process.execPath, [join(root, 'training/test.mjs')], 'pipe');
  process.stdout.write(stdout);
  const numbers = /(\d+) passed/.exec(stdout);
  const broken = /(\d+) failed/.exec(stdout);
  count('training', {
    passed: Number(numbers?.[1] ?? 0),
    failed: Number(broken?.[1] ?? (status === 0 ? 0 : 1)),
  });
}

await Promise.all([engines(), others()]);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);
