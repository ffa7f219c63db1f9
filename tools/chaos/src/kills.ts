import { setTimeout as pause } from 'node:timers/promises';
import type { SupervisedProcess } from '@rapport/cluster';

type Victim = Pick<SupervisedProcess, 'name' | 'pid' | 'signal'>;

/** A restart waits 5 s at most (SupervisedProcess), and the fork comes at once after it. */
const patienceMs = 10_000;
const pollMs = 50;

/** The SIGKILLs of a run: those that were sent, and those that never met a process. */
export class Kills {
  #inflicted = 0;
  readonly #missed: string[] = [];
  readonly #waiting: Promise<void>[] = [];
  /** A process that was killed keeps its number until its end is known; it does not die twice. */
  readonly #dead = new Set<number>();

  constructor(readonly waitMs = patienceMs) {}

  /** Kills that were sent. */
  get inflicted(): number {
    return this.#inflicted;
  }

  /** One line for each kill that could not be sent. */
  get missed(): readonly string[] {
    return this.#missed;
  }

  /** An engine was killed by whoever starts it again. */
  count(): void {
    this.#inflicted++;
  }

  /** Kills one of a service's processes at once, or as soon as one runs; `draw` in [0, 1) says which. */
  kill<T extends Victim>(
    service: string,
    draw: number,
    processes: () => readonly T[],
    before: (victim: T) => void,
  ): void {
    const tried = (): boolean => {
      const running = processes().filter(({ pid }) => pid !== undefined && !this.#dead.has(pid));
      const victim = running[Math.floor(draw * running.length)];
      if (victim?.pid === undefined) return false;
      this.#dead.add(victim.pid);
      before(victim);
      victim.signal('SIGKILL');
      this.#inflicted++;
      return true;
    };
    if (!tried()) this.#waiting.push(this.#keepTrying(service, tried));
  }

  async #keepTrying(service: string, tried: () => boolean): Promise<void> {
    const untilMs = performance.now() + this.waitMs;
    while (performance.now() < untilMs) {
      await pause(pollMs);
      if (tried()) return;
    }
    this.#missed.push(`kill of ${service}: no process of it ran for ${this.waitMs} ms`);
  }

  /** Resolves when every kill was sent or given up. */
  async settled(): Promise<void> {
    await Promise.all(this.#waiting);
  }
}
