#!/usr/bin/env node
// Writes docs/access.md: who may do what, as the code of this checkout declares it. Needs a build.
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './install.mjs';

export const accessTablePath = join(root, 'docs/access.md');

/** What GET /v1/access answers, as a page. */
export function accessPage({ doors, roles, actions }) {
  const holds = new Map(roles.map(({ role, actions: held }) => [role, new Set(held)]));
  const names = roles.map(({ role }) => role);
  const row = (cells) => `| ${cells.join(' | ')} |`;
  const marks = (action) => names.map((role) => (holds.get(role).has(action) ? '✓' : ''));
  // HEAD asks for what GET asks.
  const shown = doors
    .filter(({ door }) => !door.startsWith('HEAD '))
    .sort((a, b) => (a.door < b.door ? -1 : 1));
  return `# Who may do what

Made by \`node tools/bin/access-table.mjs\` from what each route and RPC declares; \`npm run checks -- access\` tells when it is not current. How tokens are made: [tokens](how-to/tokens.md). What is written of their use: [audit](how-to/audit.md).

## Actions and roles
\`RAPPORT_API_TOKEN\` is \`admin\`. Audited \`change\`: written before it is done, and not done where that fails; \`read\`: written soon after; \`no\`: has a ledger of its own, or says nothing about anybody.

${row(['Action', 'Lets its holder', ...names, 'Audited'])}
${row(['---', '---', ...names.map(() => '---'), '---'])}
${actions.map(({ action, says, audited }) => row([`\`${action}\``, says, ...marks(action), audited])).join('\n')}

## Routes and RPCs
gRPC health (\`grpc.health.v1\`) and reflection are open too. A HEAD asks for what its GET asks.

${row(['Door', 'Action', 'Roles'])}
${row(['---', '---', '---'])}
${shown
  .map(({ door, action, open }) =>
    action === ''
      ? row([`\`${door}\``, `open: ${open}`, 'everybody'])
      : row([`\`${door}\``, `\`${action}\``, names.filter((role) => holds.get(role).has(action)).join(', ')]),
  )
  .join('\n')}
`;
}

/** Starts the built platform, asks it, stops it. */
export async function currentAccessPage() {
  const dataDir = mkdtempSync(join(tmpdir(), 'rapport-access-'));
  const token = 'token-of-the-access-table';
  const child = fork(join(root, 'services/platform/dist/main.js'), [], {
    cwd: root,
    silent: true,
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      RAPPORT_DATA_DIR: dataDir,
      RAPPORT_MODELS_DIR: join(dataDir, 'models'),
      RAPPORT_HTTP_PORT: '0',
      RAPPORT_GRPC_PORT: '0',
      RAPPORT_METRICS_PORT: '0',
      RAPPORT_WRITE_KEYS: 'web=key-of-the-access-table',
      RAPPORT_API_TOKEN: token,
      RAPPORT_LOG_LEVEL: 'error',
    },
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  try {
    const { httpUrl } = await new Promise((resolve, reject) => {
      child.stderr.on('data', (chunk) => process.stderr.write(chunk));
      child.once('message', (message) =>
        message.kind === 'ready' ? resolve(message) : reject(new Error(message.reason)),
      );
    });
    const answer = await fetch(`${httpUrl}/v1/access`, { headers: { authorization: `Bearer ${token}` } });
    return accessPage(await answer.json());
  } finally {
    child.kill('SIGTERM');
    await exited;
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Writes the page; answers whether it was current. */
export async function writeAccessPage() {
  const page = await currentAccessPage();
  let before = '';
  try {
    before = readFileSync(accessTablePath, 'utf8');
  } catch {
    // the first time
  }
  if (before !== page) writeFileSync(accessTablePath, page);
  return before === page;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const current = await writeAccessPage();
  console.log(current ? 'docs/access.md is current' : 'docs/access.md was renewed');
}
