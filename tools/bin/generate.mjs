#!/usr/bin/env node
// proto → libs/contracts/src/generated, by buf and ts-proto.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const { status } = spawnSync(join(root, 'node_modules/.bin/buf'), ['generate'], {
  cwd: join(root, 'proto'),
  stdio: 'inherit',
});
process.exit(status ?? 1);
