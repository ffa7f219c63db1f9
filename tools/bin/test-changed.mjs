#!/usr/bin/env node
// npm run test:changed [-- REF]: the inner loop. What differs from the commit REF (default HEAD) and is not committed:
// types, lint and format of those files, and the unit specs that reach them by imports.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './install.mjs';

const git = (...args) =>
  spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
const since = process.argv[2] ?? 'HEAD';
const changed = [
  ...new Set([...git('diff', '--name-only', since), ...git('ls-files', '--others', '--exclude-standard')]),
].filter((path) => existsSync(join(root, path)));
const code = changed.filter((path) => path.endsWith('.ts') && !path.includes('/generated/'));
if (changed.length === 0) {
  console.log(`nothing differs from ${since}`);
  process.exit(0);
}

const bin = (name) => join(root, 'node_modules/.bin', name);
let failed = false;
const step = (title, command, args) => {
  const startedMs = Date.now();
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  console.log(
    `${status === 0 ? 'ok  ' : 'FAIL'} ${title} (${((Date.now() - startedMs) / 1000).toFixed(1)} s)`,
  );
  failed ||= status !== 0;
};
const { build } = await import('./build.mjs');
await build();
step('types', process.execPath, [join(root, 'tools/bin/checks.mjs'), 'types']);
step('format', bin('prettier'), ['--check', '--log-level', 'warn', '--ignore-unknown', ...changed]);
if (code.length > 0) {
  step('lint', bin('eslint'), ['--max-warnings', '0', '--no-warn-ignored', ...code]);
  step('unit tests', process.execPath, [
    join(root, 'tools/bin/jest.mjs'),
    '--passWithNoTests',
    '--testPathIgnorePatterns',
    '/dist/',
    '\\.deep\\.spec\\.ts$',
    '\\.int\\.spec\\.ts$',
    '^.*/e2e/',
    '--findRelatedTests',
    ...code,
  ]);
}
process.exit(failed ? 1 : 0);
