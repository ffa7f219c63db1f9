#!/usr/bin/env node
// The tests of training/, in its own Python environment. Ends with `N passed, N failed`, or says why they are skipped.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, trainingEnvironment } from './environment.mjs';

const { python, missing } = trainingEnvironment();
if (python === undefined) {
  console.log(`skipped: the tests of training/ need Python, and ${missing}`);
  console.log('0 passed, 0 failed');
} else {
  const { status } = spawnSync(python, ['-m', 'pytest', '-p', 'no:cacheprovider'], {
    cwd: join(root, 'training'),
    stdio: 'inherit',
    timeout: 600_000,
  });
  process.exit(status ?? 1);
}
