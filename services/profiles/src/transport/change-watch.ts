import { EventEmitter, once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { readValue, topics, type ProfileChange } from '@rapport/contracts';
import type { EventLog } from '@rapport/event-log';
import { RapportError } from '@rapport/kernel';
import { profilesErrors } from '../profiles.errors.js';

export interface ChangeWatchOptions {
  /** Who may watch at once. */
  readonly maxWatchers: number;
  /** What is kept for those who read slowly, all of them together, bytes of the topic's records. */
  readonly maxBehindBytes: number;
}

interface Kept {
  readonly change: ProfileChange;
  readonly bytes: number;
}

const pauseMs = 100;
const recordsPerRead = 100;

/**
 * Reads the topic of profile changes once for all who watch. The newest changes are kept for them in common, so what a
 * slow watcher costs does not grow with their number; who falls out of what is kept is told so.
 */
export class ChangeWatch {
  #watchers = 0;
  /** Changes in the order in which they were read; the first of them has the number `#first`. */
  #kept: Kept[] = [];
  #first = 0;
  #bytes = 0;
  readonly #came = new EventEmitter().setMaxListeners(0);
  #reading: Promise<void> | undefined;
  readonly #stopped = new AbortController();

  constructor(
    private readonly log: EventLog,
    private readonly options: ChangeWatchOptions,
  ) {}

  /** Every profile change from now on, per profile in order, until the signal says so or the room stops. */
  async *changes(ended: AbortSignal): AsyncGenerator<ProfileChange> {
    const stopped = AbortSignal.any([ended, this.#stopped.signal]);
    const { maxWatchers } = this.options;
    if (this.#watchers >= maxWatchers) {
      throw new RapportError(
        profilesErrors.watchersTooMany,
        'exhausted',
        `expected at most ${maxWatchers} calls of WatchProfiles at once (RAPPORT_PROFILES_MAX_WATCHERS); end one, or try again later`,
        '30',
      );
    }
    this.#watchers++;
    try {
      const reading = (this.#reading ??= this.#startReading());
      await reading;
      for (let next = this.#end; !stopped.aborted;) {
        if (next < this.#first) throw this.#tooSlow(this.#end - next);
        const kept = this.#kept[next - this.#first];
        if (kept === undefined) await once(this.#came, 'came', { signal: stopped }).catch(() => undefined);
        else {
          next++;
          yield kept.change;
        }
      }
    } finally {
      this.#watchers--;
    }
  }

  /** Ends every watch. */
  stop(): void {
    this.#stopped.abort();
  }

  get #end(): number {
    return this.#first + this.#kept.length;
  }

  /** Resolves when the place is known from which is read. */
  async #startReading(): Promise<void> {
    const from = (await this.log.bounds(topics.profilesChanged.name)).map(({ end }) => end);
    void this.#read(from);
  }

  /** Reads for as long as anybody watches. */
  async #read(from: number[]): Promise<void> {
    const topic = topics.profilesChanged.name;
    while (this.#watchers > 0 && !this.#stopped.signal.aborted) {
      let found = false;
      for (let partition = 0; partition < from.length; partition++) {
        const records = await this.log
          .read(topic, partition, from[partition] ?? 0, recordsPerRead)
          // The engine's health tells of it, and it is read again.
          .catch(() => []);
        for (const { offset, value } of records) {
          from[partition] = offset + 1;
          found = true;
          if (value !== null) this.#keep(value);
        }
        if (records.length > 0) this.#came.emit('came');
      }
      if (!found) await pause(pauseMs, undefined, { ref: false });
    }
    this.#reading = undefined;
    this.#first = this.#end;
    this.#kept = [];
    this.#bytes = 0;
  }

  #keep(value: Uint8Array): void {
    const read = readValue(topics.profilesChanged.name, value);
    // What cannot be read is passed over: its consumers refuse it.
    if ('problem' in read) return;
    this.#kept.push({ change: read.value, bytes: value.length });
    this.#bytes += value.length;
    let gone = 0;
    for (; this.#bytes > this.options.maxBehindBytes && gone < this.#kept.length - 1; gone++)
      this.#bytes -= this.#kept[gone]?.bytes ?? 0;
    if (gone > 0) this.#kept.splice(0, gone);
    this.#first += gone;
  }

  #tooSlow(behind: number): RapportError {
    return new RapportError(
      profilesErrors.watchTooSlow,
      'exhausted',
      `the changes were not read as fast as they came, and of ${behind} the oldest are gone: watch again, and then read the profiles that matter with GetProfile`,
      '1',
    );
  }
}
