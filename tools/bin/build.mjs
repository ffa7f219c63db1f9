#!/usr/bin/env node
// Compiles every src/**/*.ts of libs, services and tools to dist with SWC; only files that changed. Types are checked by `npm run typecheck`.
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  existsSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** The SWC options that build and tests share. */
export const swcOptions = JSON.parse(readFileSync(join(root, '.swcrc'), 'utf8'));

function* filesUnder(dir) {
  if (!existsSync(dir)) return;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else yield path;
  }
}

/** Builds what is stale; answers how many files were compiled. */
export async function build() {
  let swc;
  let compiled = 0;
  for (const group of ['libs', 'services', 'tools']) {
    for (const project of readdirSync(join(root, group))) {
      const src = join(root, group, project, 'src');
      const dist = join(root, group, project, 'dist');
      const wanted = new Set();
      for (const file of filesUnder(src)) {
        // Threads start from a file that needs no compiling, so that the sources can start it too.
        if (file.endsWith('.mjs')) {
          const out = join(dist, relative(src, file));
          wanted.add(out);
          if (existsSync(out) && statSync(out).mtimeMs >= statSync(file).mtimeMs) continue;
          mkdirSync(dirname(out), { recursive: true });
          copyFileSync(file, out);
          compiled++;
          continue;
        }
        if (!file.endsWith('.ts') || /\.(spec|contract\.spec)\.ts$/.test(file)) continue;
        const out = join(dist, relative(src, file)).replace(/\.ts$/, '.js');
        wanted.add(out).add(`${out}.map`);
        if (existsSync(out) && statSync(out).mtimeMs >= statSync(file).mtimeMs) continue;
        swc ??= await import('@swc/core');
        const { code, map } = swc.transformSync(readFileSync(file, 'utf8'), {
          ...swcOptions,
          filename: file,
          sourceFileName: relative(dirname(out), file),
          sourceMaps: true,
        });
        mkdirSync(dirname(out), { recursive: true });
        writeFileSync(`${out}.map`, map ?? '');
        writeFileSync(out, code);
        compiled++;
      }
      for (const file of filesUnder(dist)) if (!wanted.has(file)) rmSync(file);
    }
  }
  return compiled;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const started = Date.now();
  const compiled = await build();
  console.log(`built: ${compiled} file(s) compiled in ${Date.now() - started} ms`);
}
