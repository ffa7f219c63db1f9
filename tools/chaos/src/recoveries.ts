import type { SupervisedProcess } from '@rapport/cluster';

/** How long one killed process took until it worked again. */
export interface Recovery {
  readonly name: string;
  /** From the start of the new process until all its consumers work; of one without consumers, until it answers. */
  readonly consumingMs: number;
  /** Of that, all but the broker's and the other members' time to let it into its groups. */
  readonly ownMs: number;
  /** Whether the supervisor's spare took the place; otherwise a new process had to load everything first. */
  readonly wasSpare: boolean;
}

/** Follows killed processes until they are back. */
export class Recoveries {
  /** By name, the number of the process that was killed. */
  readonly #killed = new Map<string, number | undefined>();
  readonly #startedAtMs = new Map<number, number>();
  readonly all: Recovery[] = [];

  killed({ name, pid }: SupervisedProcess): void {
    this.#killed.set(name, pid);
  }

  /** Told whenever a process changed its state. */
  note(processes: readonly SupervisedProcess[]): void {
    for (const process of processes) {
      const { name, pid, state, startUp, wasSpare } = process;
      if (pid === undefined) continue;
      if (!this.#startedAtMs.has(pid)) this.#startedAtMs.set(pid, performance.now());
      if (!this.#killed.has(name) || this.#killed.get(name) === pid) continue;
      if (name.startsWith('ingestion-') && state === 'ready') {
        const ms = performance.now() - (this.#startedAtMs.get(pid) ?? 0);
        this.#back({ name, consumingMs: ms, ownMs: ms, wasSpare });
      } else if (startUp !== undefined && state === 'ready') {
        const { consumingMs, joinMs } = startUp;
        this.#back({ name, consumingMs, ownMs: consumingMs - joinMs, wasSpare });
      }
    }
  }

  #back(recovery: Recovery): void {
    this.#killed.delete(recovery.name);
    this.all.push(recovery);
  }
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const ordered = [...values].sort((one, other) => one - other);
  const middle = Math.floor(ordered.length / 2);
  return ordered.length % 2 === 1
    ? (ordered[middle] ?? NaN)
    : ((ordered[middle - 1] ?? NaN) + (ordered[middle] ?? NaN)) / 2;
}
