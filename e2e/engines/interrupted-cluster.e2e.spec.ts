import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '@rapport/testing';
import { until } from '../service-process.js';

interface Run {
  readonly pid: number;
  readonly dataDir: string;
  readonly said: () => string;
  readonly ended: Promise<number | null>;
}

/** Services by their environment, engines and their keepers by their command lines. */
function processesOf(dataDir: string): string[] {
  const names = (file: string): boolean => {
    try {
      return readFileSync(file, 'utf8').includes(dataDir);
    } catch {
      return false;
    }
  };
  return readdirSync('/proc').filter(
    (pid) => /^\d+$/.test(pid) && (names(`/proc/${pid}/environ`) || names(`/proc/${pid}/cmdline`)),
  );
}

const untilNobodyIsLeft = (dataDir: string): Promise<boolean> =>
  until(
    'all processes are gone',
    () => Promise.resolve(processesOf(dataDir).length === 0 ? true : undefined),
    // A service notices at the end of its start that nobody waits for it.
    90_000,
  );

/** Starts a cluster in a process group of its own, as a shell does, and interrupts it at a line that it says. */
async function startUntil(line: string, use: (run: Run) => Promise<void>): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'rapport-interrupted-'));
  const child = spawn(
    process.execPath,
    [join(repositoryRoot, 'tools/bin/rapport.mjs'), 'up', '--profile', 'cluster', '--no-demo'],
    {
      cwd: repositoryRoot,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '', RAPPORT_HTTP_PORT: '0', RAPPORT_DATA_DIR: dataDir },
    },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (some: Buffer) => (said += some.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  try {
    await until(
      line,
      () => Promise.resolve(said.includes(line) || child.exitCode !== null ? true : undefined),
      120_000,
    );
    await use({ pid: child.pid ?? 0, dataDir, said: () => said, ended });
    await untilNobodyIsLeft(dataDir);
  } finally {
    for (const pid of processesOf(dataDir)) process.kill(Number(pid), 'SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  }
}

describe('a cluster that is interrupted while it starts', () => {
  it.each([
    ['starting the MongoDB-protocol server', 'applying topics'],
    ['orchestrator-1', 'Ready'],
  ])(
    'stops at once at "%s", and leaves nothing behind',
    async (line, later) => {
      await startUntil(line, async ({ pid, dataDir, said, ended }) => {
        process.kill(-pid, 'SIGINT');
        expect([await ended, said()]).toEqual([130, expect.stringContaining('Stopped.')]);
        expect(said()).not.toContain(later);
        expect(said()).not.toContain('again');
        expect(processesOf(dataDir)).toEqual([]);
      });
    },
    180_000,
  );

  it('leaves nothing behind when it is killed', async () => {
    await startUntil('orchestrator-1', async ({ pid, ended }) => {
      process.kill(pid, 'SIGKILL');
      await ended;
    });
  }, 180_000);
});
