#!/usr/bin/env node
// Everything that can be said about the code without running it. `node tools/bin/checks.mjs [name …]`; exits 1 when one fails.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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

/** Where a tool keeps what it knows of unchanged files. */
const cached = (name) => {
  mkdirSync(join(root, '.local/checks'), { recursive: true });
  return join(root, '.local/checks', name);
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
  const files = run('git', ['ls-files', '--cached', '--others', '--exclude-standard']).text.split('\n');
  const wrong = files.filter((path) => path.split('/').some((part) => vague.test(part)));
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

/** docs/access.md is what the routes and RPCs of this checkout declare. */
async function access() {
  const built = run(process.execPath, [join(root, 'tools/bin/build.mjs')]);
  if (!built.ok) return built;
  const { writeAccessPage } = await import('./access-table.mjs');
  const ok = await writeAccessPage();
  return { ok, text: ok ? '' : 'docs/access.md was not current; it is now, commit it' };
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

/** The boundary rules refuse what they should: each line below is a forbidden import in a small tree of its own. */
async function walls() {
  const forbidden = [
    [
      'domain-is-pure',
      'services/a/src/domain/x.ts',
      "import { y } from '../adapters/y.js'; export const x = y;",
    ],
    [
      'domain-without-node',
      'services/a/src/domain/x.ts',
      "import { join } from 'node:path'; export const x = join;",
    ],
    [
      'ports-know-domain-only',
      'services/a/src/ports/x.ts',
      "import { y } from '../adapters/y.js'; export const x = y;",
    ],
    [
      'steps-know-no-adapters',
      'services/a/src/steps/x.ts',
      "import { y } from '../adapters/y.js'; export const x = y;",
    ],
    [
      'pipelines-know-no-adapters',
      'services/a/src/x.pipeline.ts',
      "import { y } from './adapters/y.js'; export const x = y;",
    ],
    [
      'transport-knows-no-adapters',
      'services/a/src/transport/x.ts',
      "import { y } from '../adapters/y.js'; export const x = y;",
    ],
    [
      'adapters-know-no-transport',
      'services/a/src/adapters/x.ts',
      "import { y } from '../transport/y.js'; export const x = y;",
    ],
    [
      'services-do-not-know-each-other',
      'services/a/src/x.ts',
      "import { y } from '../../b/src/y.js'; export const x = y;",
    ],
    [
      'libraries-through-their-door',
      'services/a/src/x.ts',
      "import { y } from '../../../libs/c/src/inner.js'; export const x = y;",
    ],
    [
      'lmdb-in-two-places',
      'services/a/src/adapters/x.ts',
      "import { open } from 'lmdb'; export const x = open;",
    ],
    [
      'kafkajs-in-one-place',
      'services/a/src/adapters/x.ts',
      "import { Kafka } from 'kafkajs'; export const x = Kafka;",
    ],
    [
      'mongodb-in-one-place',
      'services/a/src/adapters/x.ts',
      "import { MongoClient } from 'mongodb'; export const x = MongoClient;",
    ],
    [
      'onnxruntime-in-one-place',
      'services/a/src/steps/x.ts',
      "import { Tensor } from 'onnxruntime-node'; export const x = Tensor;",
    ],
    ['no-cycles', 'services/a/src/adapters/y.ts', "import { z } from './z.js'; export const y = z;"],
  ];
  const tree = mkdtempSync(join(tmpdir(), 'rapport-walls-'));
  const wrong = [];
  try {
    for (const name of ['.dependency-cruiser.cjs', 'tsconfig.json', 'tsconfig.base.json', 'package.json'])
      cpSync(join(root, name), join(tree, name));
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
    // Each case is a service of its own, so that one run over the tree judges them all.
    forbidden.forEach(([, path, code], index) => {
      const own = (file) => file.replace(/^services\/a\//, `services/a${index}/`);
      const files = {
        'services/a/src/adapters/y.ts': 'export const y = 1;',
        'services/a/src/adapters/z.ts': "import { y } from './y.js'; export const z = y;",
        'services/a/src/transport/y.ts': 'export const y = 1;',
        'services/b/src/y.ts': 'export const y = 1;',
        'libs/c/src/inner.ts': 'export const y = 1;',
        [path]: code,
      };
      for (const [file, text] of Object.entries(files)) {
        mkdirSync(join(tree, own(file), '..'), { recursive: true });
        writeFileSync(join(tree, own(file)), text);
      }
    });
    const { text } = run(
      process.execPath,
      [bin('depcruise'), '--config', '.dependency-cruiser.cjs', 'services', 'libs'],
      { cwd: tree },
    );
    forbidden.forEach(([rule, path, code], index) => {
      const where = path.replace(/^services\/a\//, `services/a${index}/`);
      if (!text.includes(`error ${rule}: ${where}`))
        wrong.push(`.dependency-cruiser.cjs: ${rule} did not refuse ${code}`);
    });
  } finally {
    rmSync(tree, { recursive: true });
  }
  const { ESLint } = await import('eslint');
  const { boundaries } = await import(join(root, 'eslint.config.mjs'));
  const { parser } = (await import('typescript-eslint')).default;
  process.env.NX_DAEMON = 'false';
  const eslint = new ESLint({
    cwd: root,
    overrideConfigFile: true,
    overrideConfig: [{ files: ['**/*.ts'], languageOptions: { parser }, ...boundaries }],
  });
  for (const [path, code] of [
    ['services/identity/src/x.ts', "import { y } from '@rapport/profiles'; export const x = y;"],
    ['services/identity/src/x.ts', "import { y } from '@rapport/platform'; export const x = y;"],
    ['libs/kernel/src/x.ts', "import { y } from '@rapport/contracts'; export const x = y;"],
    ['libs/event-log/src/x.ts', "import { y } from '@rapport/profiles'; export const x = y;"],
  ]) {
    const [result] = await eslint.lintText(code, { filePath: join(root, path) });
    if (!result?.messages.some((message) => message.ruleId === '@nx/enforce-module-boundaries'))
      wrong.push(`eslint.config.mjs: module boundaries did not refuse ${code} in ${path}`);
  }
  return { ok: wrong.length === 0, text: wrong.join('\n') };
}

/** `npm ci` takes the lockfile: it names every optional package of every platform, in versions that exist. */
function lockfile() {
  return run('npm', ['ci', '--dry-run', '--no-audit', '--no-fund', '--loglevel=error']);
}

/** Type-aware lint. Nx's boundaries judge nothing where its project graph was not made before: then this fails, and nothing is kept of it. */
function lint() {
  const graph = run(bin('nx'), ['show', 'projects', '--json']);
  if (!graph.ok) return graph;
  const cache = cached('eslint');
  const result = run(bin('eslint'), [
    '.',
    '--max-warnings',
    '0',
    '--cache',
    '--cache-strategy',
    'content',
    '--cache-location',
    cache,
  ]);
  if (!result.text.includes('The rule will be skipped')) return result;
  rmSync(cache, { force: true });
  return { ok: false, text: 'the module boundaries were not judged: Nx made no project graph' };
}

/** Every check by name. */
export const checks = {
  lockfile,
  types: () =>
    run(bin('tsc'), [
      '-p',
      'tsconfig.json',
      '--incremental',
      '--tsBuildInfoFile',
      cached('types.tsbuildinfo'),
    ]),
  lint,
  format: () =>
    run(bin('prettier'), [
      '--check',
      '--log-level',
      'warn',
      '--cache',
      '--cache-strategy',
      'content',
      '--cache-location',
      cached('prettier'),
      '.',
    ]),
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
  proto: () => run(bin('buf'), ['lint'], { cwd: join(root, 'proto') }),
  breaking,
  generated,
  walls,
  names,
  environment,
  readmes,
  links,
  access,
};

/** Runs checks, prints a line for each, answers how many passed and failed. */
export async function runChecks(wanted = Object.keys(checks)) {
  let passed = 0;
  const failed = [];
  for (const name of wanted) {
    const started = Date.now();
    const result = checks[name]
      ? await checks[name]()
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
  const { passed, failed } = await runChecks(process.argv.length > 2 ? process.argv.slice(2) : undefined);
  console.log(`${passed} ok, ${failed.length} not ok`);
  process.exit(failed.length > 0 ? 1 : 0);
}
