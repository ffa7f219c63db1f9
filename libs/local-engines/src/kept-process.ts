import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { RapportError } from '@rapport/kernel';
import { repositoryRoot } from './repository-root.js';

/** The process that an engine must not outlive. */
export interface Owner {
  readonly pid: number;
  readonly started: string;
}

export interface KeptProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it keeps its log and its number. */
  readonly folder: string;
  readonly name: string;
  readonly owner: Owner;
  /** Removed when the owner is gone. */
  readonly remove: readonly string[];
}

const stopMs = 15_000;

/** The start of a process as the kernel counts it; empty where there is no /proc. */
export function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

export const thisProcess = (): Owner => ({ pid: process.pid, started: startOf(process.pid) });

/** An engine's process, started through the keeper: it ends with its owner, however that ends. */
export class KeptProcess {
  readonly #options: KeptProcessOptions;
  readonly #pidFile: string;
  readonly logFile: string;
  /** Not its number alone: that may be another's once it has ended. */
  #keeper: ChildProcess | undefined;

  constructor(options: KeptProcessOptions) {
    this.#options = options;
    this.#pidFile = join(options.folder, `${options.name}.pid`);
    this.logFile = join(options.folder, `${options.name}.log`);
  }

  start(): void {
    const { command, args, env, folder, owner, remove } = this.#options;
    mkdirSync(dirname(this.logFile), { recursive: true });
    rmSync(this.#pidFile, { force: true });
    const order = {
      command,
      args,
      cwd: folder,
      env: env ?? {},
      logFile: this.logFile,
      pidFile: this.#pidFile,
      owner,
      remove,
    };
    const keeper = spawn(
      process.execPath,
      [join(repositoryRoot, 'infra/local/keeper.mjs'), JSON.stringify(order)],
      { detached: true, stdio: 'ignore' },
    );
    keeper.unref();
    this.#keeper = keeper;
  }

  /** The engine's own number, while it runs. */
  get pid(): number | undefined {
    if (!existsSync(this.#pidFile)) return undefined;
    const pid = Number(readFileSync(this.#pidFile, 'utf8'));
    return pid > 0 && isRunning(pid) ? pid : undefined;
  }

  get ended(): boolean {
    return this.#keeper === undefined || this.#keeper.exitCode !== null || this.#keeper.signalCode !== null;
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    const { pid } = this;
    if (pid === undefined)
      throw new RapportError(
        'ENGINES_NOT_RUNNING',
        'unavailable',
        `${this.#options.name} does not run; see ${this.logFile}`,
      );
    process.kill(pid, name);
  }

  /** Asks it to end and waits; the keeper kills it when it takes too long. */
  async stop(): Promise<void> {
    if (this.#keeper === undefined || this.ended) return;
    this.#keeper.kill('SIGTERM');
    await this.untilEnded();
  }

  async untilEnded(): Promise<void> {
    const giveUpAt = Date.now() + stopMs;
    while (!this.ended) {
      if (Date.now() > giveUpAt)
        throw new RapportError(
          'ENGINES_NOT_STOPPED',
          'internal',
          `${this.#options.name} did not end within ${stopMs} ms; see ${this.logFile}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The end of what it logged, for error messages. */
  lastWords(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8').slice(-3000) : '';
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // A zombie still answers to signal 0.
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

/** Tries until it holds; gives up when asked to stop, or with the engine's last words. What was given up does not run on. */
export async function untilReady(
  process: KeptProcess,
  name: string,
  withinMs: number,
  isReady: () => Promise<boolean>,
  stopped?: AbortSignal,
): Promise<void> {
  const giveUpAt = Date.now() + withinMs;
  let last: unknown;
  while (Date.now() < giveUpAt) {
    if (process.ended || stopped?.aborted === true) break;
    try {
      if (await isReady()) return;
    } catch (thrown) {
      last = thrown;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { ended } = process;
  await process.stop();
  stopped?.throwIfAborted();
  throw new RapportError(
    'ENGINES_NOT_READY',
    'unavailable',
    `${name} ${ended ? 'ended while starting' : `was not ready within ${withinMs} ms`}${last instanceof Error ? ` (${last.message})` : ''}; its log ends:\n${process.lastWords()}`,
  );
}

/** Whether somebody listens. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const answer = (yes: boolean) => (): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', answer(true)).once('error', answer(false)).setTimeout(1000, answer(false));
  });
}
