#!/usr/bin/env node
// npm start: install what is missing, build what changed, run the platform with the sample playbook and the demo shop.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { installPackages, root } from './install.mjs';

installPackages();
const { build } = await import('./build.mjs');
await build();
// Batches of events are short-lived, but live longer than the young generation is large by default. What grows old is
// collected when it is five times what is in use: marking takes 0.1 s, during which every request is slower.
const heap = ['--max-semi-space-size=64', '--heap-growing-percent=400'];
const node = [...heap, join(root, 'tools/bin/rapport.mjs')];
const child = spawn(process.execPath, [...node, 'up', ...process.argv.slice(2)], {
  cwd: root,
  // Every store that commits holds a thread of libuv's pool: four of them are soon too few, and commits queue up.
  env: { UV_THREADPOOL_SIZE: '16', ...process.env },
  stdio: 'inherit',
});
// Ctrl-C reaches the whole terminal group; the child stops in order and this waits for it.
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => signal === 'SIGTERM' && child.kill('SIGTERM'));
child.on('exit', (code) => process.exit(code ?? 1));
