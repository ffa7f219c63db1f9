import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

/** What a spare is told: which entry point it now runs, with which environment. */
export interface Begin {
  readonly main: string;
  readonly environment: Readonly<Record<string, string>>;
}

export interface SpareProcessOptions {
  /** Where `tools/cluster/dist/spare.js` lies. */
  readonly root: string;
  /** What all services have in common. */
  readonly environment: Readonly<Record<string, string>>;
  /** Loaded ahead. */
  readonly modules: readonly string[];
  readonly onOutput: (name: string, text: string) => void;
}

/**
 * One process that has loaded what a service needs and holds nothing open, to take the place of the next one that
 * dies: most of a cold start is loading. It costs the memory of an idle service; a second one that dies before there
 * is a new spare starts cold.
 */
export class SpareProcess {
  readonly #options: SpareProcessOptions;
  #child: ChildProcess | undefined;
  #isStopped = false;

  constructor(options: SpareProcessOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts one where there is none. */
  renew(): void {
    if (this.#child !== undefined || this.#isStopped) return;
    const { root, environment, modules, onOutput } = this.#options;
    const child = fork(join(root, 'tools/cluster/dist/spare.js'), [...modules], {
      silent: true,
      // As the service that it becomes.
      detached: true,
      env: environment,
    });
    this.#child = child;
    const told = (chunk: Buffer): void => onOutput('spare', chunk.toString());
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', told);
    child.once('exit', () => this.#forget(child));
    child.once('error', () => this.#forget(child));
  }

  /** Hands the spare over as the process that runs this entry point; undefined where there is none. */
  begin(begin: Begin): ChildProcess | undefined {
    const child = this.#child;
    if (child?.connected !== true) return undefined;
    this.#child = undefined;
    for (const stream of [child.stdout, child.stderr]) stream?.removeAllListeners('data');
    child.removeAllListeners();
    child.send(begin, () => undefined);
    return child;
  }

  stop(): void {
    this.#isStopped = true;
    this.#child?.kill('SIGKILL');
  }

  #forget(child: ChildProcess): void {
    if (this.#child === child) this.#child = undefined;
  }
}
