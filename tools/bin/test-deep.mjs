#!/usr/bin/env node
// npm run test:deep [-- pattern …]: what is too long for npm test (`*.deep.spec.ts`), one file after the other.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { installPackages, root } from './install.mjs';

installPackages();
const { build } = await import('./build.mjs');
console.log(`built: ${await build()} file(s) compiled`);

const wanted = process.argv.slice(2);
const { status } = spawnSync(
  process.execPath,
  [
    join(root, 'tools/bin/jest.mjs'),
    '--testPathIgnorePatterns',
    '/node_modules/',
    '/dist/',
    '--testPathPatterns',
    ...(wanted.length > 0
      ? wanted.map((pattern) => `${pattern}.*\\.deep\\.spec\\.ts$`)
      : ['\\.deep\\.spec\\.ts$']),
    '--maxWorkers=1',
  ],
  { cwd: root, stdio: 'inherit' },
);
process.exit(status ?? 1);
