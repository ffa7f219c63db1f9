#!/usr/bin/env node
// npm test: install what is missing, build, then checks, unit and contract tests, integration and end-to-end tests, training.
// Ends with one line `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackages, root } from './install.mjs';

installPackages();
const { build } = await import('./build.mjs');
console.log(`built: ${await build()} file(s) compiled`);
const { runChecks } = await import('./checks.mjs');

const total = { passed: 0, failed: 0, skipped: 0 };
const count = (title, { passed, failed, skipped = 0 }) => {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  console.log(`-- ${title}: ${passed} ok, ${failed} not ok${skipped ? `, ${skipped} skipped` : ''}\n`);
};

function jest(title, args) {
  console.log(`-- ${title}`);
  const folder = mkdtempSync(join(tmpdir(), 'rapport-jest-'));
  const output = join(folder, 'result.json');
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'tools/bin/jest.mjs'), '--json', `--outputFile=${output}`, ...args],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
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

const checked = await runChecks();
count('checks', { passed: checked.passed, failed: checked.failed.length });
jest('unit and contract tests', [
  '--testPathIgnorePatterns',
  '/dist/',
  '\\.deep\\.spec\\.ts$',
  '\\.int\\.spec\\.ts$',
  '^.*/e2e/',
]);
jest('integration and end-to-end tests', [
  '--testPathPatterns',
  '\\.int\\.spec\\.ts$',
  '/e2e/',
  '--maxWorkers=1',
]);
if (existsSync(join(root, 'training/test.mjs'))) {
  console.log('-- training');
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'training/test.mjs')], {
    cwd: root,
    encoding: 'utf8',
  });
  process.stdout.write(`${stdout}${stderr}`);
  const numbers = /(\d+) passed/.exec(stdout);
  const broken = /(\d+) failed/.exec(stdout);
  count('training', {
    passed: Number(numbers?.[1] ?? 0),
    failed: Number(broken?.[1] ?? (status === 0 ? 0 : 1)),
  });
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);
