#!/usr/bin/env node
// Everything that can be said about the code without running it. `node tools/bin/checks.mjs [name …]`; exits 1 when one fails.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, existsSync, statSync, cpSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './install.mjs';

const bin = (name) => join(root, 'node_modules/.bin', name);
const run = (command, args, options = {}) => {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    env: { ...process.env, NX_DAEMON: 'false', NODE_OPTIONS: '--max-old-space-size=4096' },
    ...options,
  });
  return { ok: status === 0, text: `${stdout ?? ''}${stderr ?? ''}`.trim() };
};

function* filesUnder(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (
      ['node_modules', 'dist', 'data', '.git', '.local', '.nx', 'generated', '.venv', '__pycache__'].includes(
        entry.name,
      )
    )
      continue;
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else yield path;
  }
}

/** Names that hide a missing noun are refused in file and folder names. */
function names() {
  const vague =
    /(^|[-.])(util|utils|helper|helpers|common|misc|shared|core|manager|handler|processor|generic|info)([-.]|$)/;
  const wrong = [...filesUnder(root)]
    .map((path) => relative(root, path))
    .filter((path) => path.split('/').some((part) => vague.test(part)));
  return { ok: wrong.length === 0, text: wrong.map((path) => `${path}: this name says no noun`).join('\n') };
}

/** The committed TypeScript is what buf and ts-proto make of proto/ today. */
function generated() {
  const before = mkdtempSync(join(tmpdir(), 'rapport-generated-'));
  const target = join(root, 'libs/contracts/src/generated');
  cpSync(target, before, { recursive: true });
  const made = run(bin('buf'), ['generate'], { cwd: join(root, 'proto') });
  const difference = run('diff', ['-r', before, target]);
  rmSync(before, { recursive: true });
  return {
    ok: made.ok && difference.ok,
    text: difference.ok
      ? made.text
      : `generated code was not current; it is now, commit it:\n${difference.text.slice(0, 2000)}`,
  };
}

/** No wire-breaking change against the last commit that touched main's first parent, where there is one. */
function breaking() {
  const has = run('git', ['rev-parse', '--verify', 'HEAD~1']);
  if (!has.ok) return { ok: true, text: 'skipped: there is no earlier commit to compare with' };
  const earlier = mkdtempSync(join(tmpdir(), 'rapport-proto-'));
  try {
    const archive = run('sh', ['-c', `git archive HEAD~1 proto | tar -x -C ${earlier}`]);
    if (!archive.ok || !existsSync(join(earlier, 'proto/buf.yaml')))
      return { ok: true, text: 'skipped: the earlier commit has no proto folder' };
    return run(bin('buf'), ['breaking', '--against', join(earlier, 'proto')], { cwd: join(root, 'proto') });
  } finally {
    rmSync(earlier, { recursive: true });
  }
}

/** Only *.config.ts (and process entry points) read the environment. */
function environment() {
  const wrong = [];
  for (const path of filesUnder(join(root, 'services'))) {
    if (!path.endsWith('.ts') || /\.(config|spec)\.ts$/.test(path) || basename(path) === 'main.ts') continue;
    if (/process\.env/.test(readFileSync(path, 'utf8')))
      wrong.push(`${relative(root, path)}: only *.config.ts reads the environment`);
  }
  return { ok: wrong.length === 0, text: wrong.join('\n') };
}

/** Every service says in its README what it consumes, owns, publishes and answers. */
function readmes() {
  const wrong = [];
  for (const service of ['ingestion', 'identity', 'profiles', 'model-serving', 'orchestrator']) {
    const path = join(root, 'services', service, 'README.md');
    const text = existsSync(path) ? readFileSync(path, 'utf8').toLowerCase() : '';
    for (const heading of ['consumes', 'owns', 'publishes', 'answers']) {
      if (!new RegExp(`^## ${heading}`, 'm').test(text))
        wrong.push(`services/${service}/README.md: expected a heading "## ${heading}"`);
    }
  }
  return { ok: wrong.length === 0, text: wrong.join('\n') };
}

/** Links between documents lead somewhere. */
function links() {
  const wrong = [];
  for (const path of filesUnder(root)) {
    if (!path.endsWith('.md')) continue;
    for (const [, target] of readFileSync(path, 'utf8').matchAll(
      /\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)/g,
    )) {
      const at = join(path, '..', decodeURI(target));
      if (!existsSync(at) || (target.endsWith('/') && !statSync(at).isDirectory()))
        wrong.push(`${relative(root, path)}: ${target} leads nowhere`);
    }
  }
  return { ok: wrong.length === 0, text: wrong.join('\n') };
}

/** Every check by name. */
export const checks = {
  types: () => run(bin('tsc'), ['-p', 'tsconfig.json']),
  lint: () => run(bin('eslint'), ['.', '--max-warnings', '0']),
  format: () => run(bin('prettier'), ['--check', '--log-level', 'warn', '.']),
  boundaries: () =>
    run(bin('depcruise'), [
      '--config',
      '.dependency-cruiser.cjs',
      'libs',
      'services',
      'tools',
      '--output-type',
      'err-long',
    ]),
  graph: () => run(bin('nx'), ['show', 'projects', '--json']),
  proto: () => run(bin('buf'), ['lint'], { cwd: join(root, 'proto') }),
  breaking,
  generated,
  names,
  environment,
  readmes,
  links,
};

/** Runs checks, prints a line for each, answers how many passed and failed. */
export function runChecks(wanted = Object.keys(checks)) {
  let passed = 0;
  const failed = [];
  for (const name of wanted) {
    const started = Date.now();
    const result = checks[name]
      ? checks[name]()
      : { ok: false, text: `there is no check ${name}; there are ${Object.keys(checks).join(', ')}` };
    console.log(
      `${result.ok ? 'ok  ' : 'FAIL'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)${result.text.startsWith('skipped') ? ` ${result.text}` : ''}`,
    );
    if (result.ok) passed++;
    else {
      failed.push(name);
      console.log(result.text.replace(/^npm warn.*\n/gm, '').slice(0, 20_000));
    }
  }
  return { passed, failed };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { failed } = runChecks(process.argv.length > 2 ? process.argv.slice(2) : undefined);
  process.exit(failed.length > 0 ? 1 : 0);
}
