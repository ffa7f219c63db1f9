// For child processes of tests: `node --import ./tools/jest/typescript-hooks.mjs child.ts` runs TypeScript sources
// as they are, with @rapport/* resolved to sources too, so that no build has to come first.
import { existsSync, readFileSync } from 'node:fs';
import { register } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';

const root = new URL('../../', import.meta.url);

export async function resolve(specifier, context, next) {
  const own = /^@rapport\/([a-z-]+)$/.exec(specifier);
  if (own) {
    for (const group of ['libs', 'services', 'tools']) {
      const source = new URL(`${group}/${own[1]}/src/index.ts`, root);
      if (existsSync(source)) return { url: source.href, format: 'module', shortCircuit: true };
    }
  }
  if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')) {
    const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
    if (existsSync(source)) return { url: source.href, format: 'module', shortCircuit: true };
  }
  return next(specifier, context);
}

let swc;
export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  swc ??= await import('@swc/core');
  const options = JSON.parse(readFileSync(new URL('.swcrc', root), 'utf8'));
  const filename = fileURLToPath(url);
  const { code } = swc.transformSync(readFileSync(filename, 'utf8'), {
    ...options,
    filename,
    sourceMaps: 'inline',
  });
  return { format: 'module', source: code, shortCircuit: true };
}

// Registered from the main thread; node loads the hooks themselves in a thread of their own.
if (isMainThread) register(import.meta.url, pathToFileURL('./'));
