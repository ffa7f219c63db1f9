import { randomUUID } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { RapportError } from '@rapport/kernel';

/** A folder that this process alone may write to, until released. */
export interface FolderLock {
  release(): void;
}

interface Holder {
  readonly pid: number;
  /** When the process was started, in the kernel's ticks: tells a process from a later one with the same number. */
  readonly started: string;
  readonly host: string;
  readonly token: string;
}

const lockFile = 'in-use.json';
/** A holder on another host (a container that shares the volume) is known only by the age of its last sign of life. */
const beatMs = 2_000;
const silentMs = 10_000;

/**
 * Takes a folder for this process. Throws `code` when a living process has it; the lock of a dead one is taken over.
 * The lock is a file that names its holder, so that the refusal can say who it is.
 */
export function lockFolder(folder: string, code: string): FolderLock {
  mkdirSync(folder, { recursive: true });
  const path = join(resolve(folder), lockFile);
  const mine: Holder = {
    pid: process.pid,
    started: startOf(process.pid),
    host: hostname(),
    token: randomUUID(),
  };
  for (let attempt = 0; attempt < 20; attempt++) {
    if (create(path, mine)) return hold(path, mine);
    const there = holderAt(path);
    if (there === undefined) continue;
    if (isAlive(there, path)) throw refusal(code, folder, path, there);
    takeAway(path, there);
  }
  throw new RapportError(
    code,
    'conflict',
    `${folder} could not be locked: ${path} keeps changing hands; start one process only`,
  );
}

/** Written aside and linked into place, so that nobody ever reads half a lock. */
function create(path: string, mine: Holder): boolean {
  const aside = `${path}.${mine.token}`;
  writeFileSync(aside, JSON.stringify(mine));
  try {
    linkSync(aside, path);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw thrown;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Undefined when it went away meanwhile. A file that cannot be parsed (a torn disk) has nobody as its holder. */
function holderAt(path: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return { pid: 0, started: '', host: '', token: '' };
  }
}

function isAlive(holder: Holder, path: string): boolean {
  if (holder.pid === 0) return false;
  const silentFor = ageMs(path);
  if (holder.host !== hostname()) return silentFor < silentMs;
  try {
    process.kill(holder.pid, 0);
  } catch (thrown) {
    // EPERM: it lives, under another user.
    if ((thrown as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return startOf(holder.pid) === holder.started;
}

function ageMs(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

/** Field 22 of /proc/<pid>/stat; empty where there is no /proc, then the process number alone decides. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/** Moves a dead holder's lock aside. If another process was quicker and its new lock was moved, puts that back. */
function takeAway(path: string, dead: Holder): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw thrown;
  }
  if (holderAt(aside)?.token === dead.token) rmSync(aside, { force: true });
  else renameSync(aside, path);
}

function hold(path: string, mine: Holder): FolderLock {
  const beat = setInterval(() => {
    try {
      const now = new Date(Date.now());
      utimesSync(path, now, now);
    } catch {
      // The folder was removed under us (a test's temporary folder): there is nothing left to guard.
    }
  }, beatMs);
  beat.unref();
  return {
    release() {
      clearInterval(beat);
      if (holderAt(path)?.token === mine.token) rmSync(path, { force: true });
    },
  };
}

function refusal(code: string, folder: string, path: string, holder: Holder): RapportError {
  return new RapportError(
    code,
    'conflict',
    `${folder} is in use by process ${holder.pid} on ${holder.host}: one process at a time may open it. ` +
      `Stop that process, choose another folder (RAPPORT_DATA_DIR), or, if it is surely gone, remove ${path}`,
  );
}
