import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { startPlatform, type TestPlatform } from '@rapport/testing';
import type { Answers, Ask } from './asks.js';

/** How the platform ended when nobody asked it to. */
export interface Death {
  readonly how: string;
  /** The last of what it printed. */
  readonly output: string;
}

/** A stop that takes longer is a fault; RAPPORT_STOP_GRACE is 10 s. */
export const endsWithinMs = 30_000;

/** The platform under test: a process of its own on one data folder, started again as often as needed. */
export class FuzzedPlatform {
  #running: TestPlatform;
  #nextId = 0;
  readonly #waiting = new Map<
    number,
    { readonly resolve: (said: unknown) => void; readonly reject: (thrown: Error) => void }
  >();
  #isStopping = false;
  #death: Death | undefined;

  private constructor(
    private readonly start: () => Promise<TestPlatform>,
    running: TestPlatform,
    private readonly onErrorLogged: (line: string) => void,
  ) {
    this.#running = running;
    this.#listen();
  }

  /** Each line that it logs as an error is told: an error means that somebody must act. */
  static async start(options: {
    readonly dataDir: string;
    readonly playbookDir: string;
    readonly environment: Readonly<Record<string, string>>;
    readonly onErrorLogged: (line: string) => void;
  }): Promise<FuzzedPlatform> {
    const { onErrorLogged, ...started } = options;
    const start = (): Promise<TestPlatform> =>
      startPlatform({ ...started, main: 'tools/fuzz/dist/platform-process.js' });
    return new FuzzedPlatform(start, await start(), onErrorLogged);
  }

  get apiToken(): string {
    return this.#running.apiToken;
  }
  get httpUrl(): string {
    return this.#running.httpUrl;
  }
  get grpcAddress(): string {
    return this.#running.grpcAddress;
  }
  get pid(): number {
    return this.#running.process.pid ?? 0;
  }
  output(): string {
    return this.#running.output();
  }

  /** Set once it ended by itself; until it is started again. */
  get death(): Death | undefined {
    return this.#death;
  }

  /** Asks the process through IPC; rejects when it is gone. */
  async ask<Name extends Ask['ask']>(asked: Extract<Ask, { ask: Name }>): Promise<Answers[Name]> {
    const id = this.#nextId++;
    return await new Promise<Answers[Name]>((resolve, reject) => {
      if (!this.#running.process.connected) return reject(new Error('the platform is gone'));
      this.#waiting.set(id, { resolve: (said) => resolve(said as Answers[Name]), reject });
      this.#running.process.send({ ...asked, id }, (error) => {
        if (error === null) return;
        this.#waiting.delete(id);
        reject(new Error('the platform is gone'));
      });
    });
  }

  /** The memory that is the process's own, bytes: the pages of LMDB's map are the kernel's cache of the file and go when others need them. */
  ownMemory(): number {
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
      return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
    } catch {
      return 0;
    }
  }

  /** Ends it if it runs, and starts it again; answers how long the end took, ms. One that does not end is killed. */
  async restart(how: 'SIGTERM' | 'SIGKILL' | 'dead'): Promise<number> {
    this.#isStopping = true;
    const began = performance.now();
    if (how === 'SIGKILL') await this.#running.kill();
    else if (how === 'SIGTERM') {
      const killing = setTimeout(() => this.#running.process.kill('SIGKILL'), endsWithinMs);
      await this.#running.stop();
      clearTimeout(killing);
    }
    const tookMs = performance.now() - began;
    for (const { reject } of this.#waiting.values()) reject(new Error('the platform is gone'));
    this.#waiting.clear();
    this.#running = await this.start();
    this.#isStopping = false;
    this.#death = undefined;
    this.#listen();
    return tookMs;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running.stop();
  }

  #listen(): void {
    const child = this.#running.process;
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (/^\{"level":[56]0,/.test(line)) this.onErrorLogged(line);
      });
    child.on('message', (message: { kind?: string; id?: number; said?: unknown; failed?: string }) => {
      if (message.kind !== 'answer' || message.id === undefined) return;
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.failed === undefined) waiting?.resolve(message.said);
      else waiting?.reject(new Error(message.failed));
    });
    child.once('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the platform is gone'));
      this.#waiting.clear();
      if (!this.#isStopping)
        this.#death = {
          how: signal ?? `exit code ${code ?? '?'}`,
          output: this.#running.output().slice(-3_000),
        };
    });
  }
}
