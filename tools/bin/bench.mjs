#!/usr/bin/env node
// npm run bench -- [name …] [--seconds N] [--json]: builds, compiles bench/ to .local/bench and measures.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { installPackages, root } from './install.mjs';

installPackages();
const { build, swcOptions } = await import('./build.mjs');
await build();
const { transformSync } = await import('@swc/core');

// Below the root, so that packages resolve as they do for the services.
const out = join(root, '.local/bench-build');
rmSync(out, { recursive: true, force: true });
for (const entry of readdirSync(join(root, 'bench'), { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !entry.name.endsWith('.ts') || entry.name.endsWith('.spec.ts')) continue;
  const path = join(entry.parentPath, entry.name);
  const target = join(out, relative(join(root, 'bench'), path)).replace(/\.ts$/, '.js');
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(
    target,
    transformSync(readFileSync(path, 'utf8'), { ...swcOptions, filename: path, sourceMaps: 'inline' }).code,
  );
}
const child = spawn(
  process.execPath,
  ['--enable-source-maps', join(out, 'main.js'), ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
