import { fork, type ChildProcess } from 'node:child_process';
import type { Begin } from './spare-process.js';

/** Where a service process says that it listens. */
export interface Listening {
  readonly httpUrl: string;
  readonly grpcAddress: string;
  readonly metricsUrl: string;
}

/** How long a process took from its start until all its consumers worked. */
export interface StartUp {
  readonly consumingMs: number;
  /** Of that, what consumer groups took to let it in. */
  readonly joinMs: number;
}

export type ProcessState = 'starting' | 'ready' | 'waiting' | 'stopped';

export interface SupervisedProcessOptions {
  /** Shown in lines: `profiles-2`. */
  readonly name: string;
  /** Entry point. */
  readonly main: string;
  /** Asked at every start. */
  readonly environment: () => Readonly<Record<string, string>>;
  /** A process that is there already and now runs this entry point, asked for a restart; where there is none, one is forked. */
  readonly spare?: (begin: Begin) => ChildProcess | undefined;
  readonly onChange: (process: SupervisedProcess) => void;
  /** Lines that the process writes to standard error, and log lines at warning and above. */
  readonly onOutput: (name: string, text: string) => void;
  /** First wait before a restart; doubled each time up to `maxBackoffMs`, back to the first after 10 s of health. */
  readonly backoffMs?: number;
  readonly maxBackoffMs?: number;
}

/** One service process that is started again, with backoff, whenever it ends by itself. */
export class SupervisedProcess {
  readonly #options: SupervisedProcessOptions;
  #child: ChildProcess | undefined;
  #state: ProcessState = 'starting';
  #listening: Listening | undefined;
  #restarts = 0;
  #backoffMs: number;
  #readyAtMs = 0;
  #stopping = false;
  #timer: NodeJS.Timeout | undefined;
  #lastReason = '';
  #startedAtMs = 0;
  #startUp: StartUp | undefined;
  #wasSpare = false;

  constructor(options: SupervisedProcessOptions) {
    this.#options = options;
    this.#backoffMs = options.backoffMs ?? 200;
  }

  get name(): string {
    return this.#options.name;
  }
  get state(): ProcessState {
    return this.#state;
  }
  get pid(): number | undefined {
    return this.#child?.pid;
  }
  get restarts(): number {
    return this.#restarts;
  }
  get listening(): Listening | undefined {
    return this.#state === 'ready' ? this.#listening : undefined;
  }
  /** Of the process that runs now, as soon as it consumes; a service without consumers never does. */
  get startUp(): StartUp | undefined {
    return this.#startUp;
  }
  /** Whether the process that runs now had loaded what it needs before its place became free. */
  get wasSpare(): boolean {
    return this.#wasSpare;
  }
  /** Why it ended last, or why it did not start. */
  get lastReason(): string {
    return this.#lastReason;
  }

  start(): void {
    this.#state = 'starting';
    this.#startedAtMs = performance.now();
    this.#startUp = undefined;
    const { main } = this.#options;
    const environment = this.#options.environment();
    // Who starts for the first time is not missed yet; the spare stays for who is.
    const spare = this.#restarts > 0 ? this.#options.spare?.({ main, environment }) : undefined;
    // Detached: Ctrl-C goes to all of a terminal's group, and which process stops when is ours to say.
    const child = spare ?? fork(main, [], { silent: true, detached: true, env: { ...environment } });
    this.#child = child;
    this.#wasSpare = spare !== undefined;
    let errors = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-2000);
      this.#options.onOutput(this.name, chunk.toString());
    });
    child.stdout?.on('data', (chunk: Buffer) => this.#options.onOutput(this.name, chunk.toString()));
    child.on('message', (message: { kind: string; joinMs: number } & Listening) => {
      if (message.kind === 'consuming') {
        this.#startUp = { consumingMs: performance.now() - this.#startedAtMs, joinMs: message.joinMs };
        this.#change(this.#state);
      }
      if (message.kind !== 'ready') return;
      const { httpUrl, grpcAddress, metricsUrl } = message;
      this.#listening = { httpUrl, grpcAddress, metricsUrl };
      this.#readyAtMs = Date.now();
      this.#change('ready');
    });
    child.once('exit', (code, signal) => this.#ended(signal ?? `exit ${code ?? 0}`, errors));
    this.#change('starting');
  }

  #ended(how: string, errors: string): void {
    this.#child = undefined;
    if (this.#stopping) return this.#change('stopped');
    this.#lastReason = `${how}${errors === '' ? '' : `: ${errors.trim().split('\n').at(-1) ?? ''}`}`;
    if (this.#readyAtMs > 0 && Date.now() - this.#readyAtMs > 10_000)
      this.#backoffMs = this.#options.backoffMs ?? 200;
    this.#readyAtMs = 0;
    this.#timer = setTimeout(() => {
      this.#restarts++;
      this.start();
    }, this.#backoffMs);
    this.#backoffMs = Math.min(this.#backoffMs * 2, this.#options.maxBackoffMs ?? 5000);
    this.#change('waiting');
  }

  /** Sends a signal to the process that runs now, for fault tests. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** From now on it is not started again, however it ends; it runs on until `stop`. */
  retire(): void {
    this.#stopping = true;
    clearTimeout(this.#timer);
  }

  /** SIGTERM, then SIGKILL after the grace period; no restart. */
  async stop(graceMs: number): Promise<void> {
    this.retire();
    const child = this.#child;
    if (child === undefined) return this.#change('stopped');
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await ended;
    clearTimeout(timer);
  }

  #change(state: ProcessState): void {
    this.#state = state;
    this.#options.onChange(this);
  }
}
