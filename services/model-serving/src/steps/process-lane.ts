import { messageOf } from '@rapport/kernel';
import type { Tensor } from '../domain/datatypes.js';
import { modelsError } from '../model-serving.errors.js';
import type { ModelProcess, RunResult } from '../ports/model-runtime.js';

/** Between the end of a process and its next start; the first is started again at once, later ones wait twice as long each. */
const firstPauseMs = 250;
const longestPauseMs = 30_000;
/** A process that ran for so long is taken for well again. */
const wellAfterMs = 60_000;
/** A call waits for a start that is no further away; otherwise it is told when. */
const longestWaitMs = 1_000;
/** From here on a version says that it is not ready while its process is away. */
const toldFrom = 3;

export interface ProcessLaneOptions {
  readonly open: () => Promise<ModelProcess>;
  /** Ends a process that had nothing to do for so long; undefined: it is kept, and started again when it ends. */
  readonly idleMs: number | undefined;
  readonly nowMs: () => number;
  readonly onCrash: (reason: string) => void;
}

interface Job {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly string[];
  readonly resolve: (result: RunResult) => void;
  readonly reject: (thrown: unknown) => void;
}

/**
 * Runs of one model in its process, one after the other: when the process ends, it is the fault of the one that ran,
 * which fails; those that wait run in the process that follows.
 */
export class ProcessLane {
  #process: Promise<ModelProcess> | undefined;
  #ready: ModelProcess | undefined;
  readonly #jobs: Job[] = [];
  #isRunning = false;
  #isClosed = false;
  #crashes = 0;
  #crashedAtMs = -Infinity;
  #startAtMs = -Infinity;
  #reason = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly options: ProcessLaneOptions,
    process?: ModelProcess,
  ) {
    if (process === undefined) return;
    this.#process = Promise.resolve(process);
    this.#ready = process;
    this.#rest();
  }

  run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<RunResult> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ inputs, outputs, resolve, reject });
      if (!this.#isRunning) void this.#work();
    });
  }

  /** Why no process is there to compute, when it ended again and again; undefined otherwise. */
  trouble(): string | undefined {
    if (this.#crashes < toldFrom || (this.#ready !== undefined && this.#ready.ended() === undefined))
      return undefined;
    const waitMs = Math.max(0, this.#startAtMs - this.options.nowMs());
    return `its process ended ${this.#crashes} times, the last time ${this.#reason}; it is started again in ${Math.ceil(waitMs / 1000)} s`;
  }

  /** Ends the process when the runs that wait have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    while (this.#isRunning) await new Promise((resolve) => setTimeout(resolve, 1));
    await this.#end();
  }

  async #work(): Promise<void> {
    this.#isRunning = true;
    clearTimeout(this.#timer);
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      try {
        const process = await this.#started();
        job.resolve(await process.run(job.inputs, job.outputs));
      } catch (thrown) {
        this.#look();
        job.reject(thrown);
      }
    }
    this.#isRunning = false;
    this.#rest();
  }

  /** The process, which a call may wait for a little. */
  async #started(): Promise<ModelProcess> {
    this.#look();
    if (this.#process === undefined) {
      const waitMs = this.#startAtMs - this.options.nowMs();
      if (waitMs > longestWaitMs) {
        throw modelsError(
          'MODELS_CRASHED',
          this.trouble() ?? `the model's process ended ${this.#reason}; it is started again`,
          String(Math.ceil(waitMs / 1000)),
        );
      }
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    return await (this.#process ?? this.#start());
  }

  async #start(): Promise<ModelProcess> {
    const opening = this.options.open().catch((thrown: unknown) => {
      this.#ended(messageOf(thrown));
      throw modelsError('MODELS_NOT_READY', `the model's process was not started: ${messageOf(thrown)}`);
    });
    this.#process = opening;
    this.#ready = await opening;
    return this.#ready;
  }

  /** Notices that the process has ended. */
  #look(): void {
    const reason = this.#ready?.ended();
    if (reason !== undefined) this.#ended(reason);
  }

  #ended(reason: string): void {
    this.#process = undefined;
    this.#ready = undefined;
    const nowMs = this.options.nowMs();
    if (nowMs - this.#crashedAtMs > wellAfterMs) this.#crashes = 0;
    this.#crashes++;
    this.#crashedAtMs = nowMs;
    this.#reason = reason;
    const pauseMs = this.#crashes === 1 ? 0 : firstPauseMs * 2 ** (this.#crashes - 2);
    this.#startAtMs = nowMs + Math.min(pauseMs, longestPauseMs);
    this.options.onCrash(reason);
  }

  /** With nothing to do: a process that is kept is started again, one that is not is ended after a while. */
  #rest(): void {
    const { idleMs, nowMs } = this.options;
    const isAway = this.#process === undefined;
    if (this.#isClosed || isAway === (idleMs !== undefined)) return;
    const next = isAway ? () => void this.#start().catch(() => this.#rest()) : () => void this.#end();
    const waitMs = idleMs ?? Math.max(this.#startAtMs - nowMs(), 0);
    this.#timer = setTimeout(next, waitMs).unref();
  }

  async #end(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    this.#ready = undefined;
    await (await process?.catch(() => undefined))?.close();
  }
}
