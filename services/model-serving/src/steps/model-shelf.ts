import { messageOf, RapportError } from '@rapport/kernel';
import type { Tensor } from '../domain/datatypes.js';
import { compareVersions, defaultVersion, versionsToLoad, type VersionPolicy } from '../domain/versions.js';
import { modelsError } from '../model-serving.errors.js';
import type { ModelFiles } from '../ports/model-files.js';
import type { RunResult } from '../ports/model-runtime.js';
import type { LoadedVersion } from './load-version.js';

/** Triton's names for where a version stands. */
export type ModelState = 'READY' | 'UNAVAILABLE' | 'LOADING' | 'UNLOADING';

/** One version and where it stands. */
export interface ShelvedVersion {
  readonly name: string;
  readonly version: string;
  readonly state: ModelState;
  /** Why it is not ready, or why a newer file was not taken; empty otherwise. */
  readonly reason: string;
  readonly loaded?: LoadedVersion | undefined;
}

/** A version that is ready, held for the time of a call: it is not closed before `release`. */
export interface HeldVersion {
  readonly name: string;
  readonly version: string;
  readonly loaded: LoadedVersion;
  run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<RunResult>;
}

interface Entry {
  state: ModelState;
  reason: string;
  loaded?: LoadedVersion | undefined;
}

/** Loads at the same time: each is a process that computes. */
const loadsAtOnce = 2;
/** How long a call waits for a version that is being loaded; callers give up after 5 s. */
const longestWaitMs = 4_000;

/** Where a version stands now: one whose process ends again and again is not ready until it has been started again. */
function standingOf({ state, reason, loaded }: Entry): { state: ModelState; reason: string } {
  const trouble = state === 'READY' ? loaded?.open.trouble() : undefined;
  return trouble === undefined ? { state, reason } : { state: 'UNAVAILABLE', reason: trouble };
}

/**
 * The versions in memory. A load never takes a serving version away before its successor has passed every check, and
 * a version that is replaced is closed when its last call has ended.
 */
export class ModelShelf {
  readonly #models = new Map<string, Map<string, Entry>>();
  readonly #policies = new Map<string, VersionPolicy | undefined>();
  readonly #calls = new Map<LoadedVersion, number>();
  readonly #closing = new Map<LoadedVersion, () => void>();
  /** The last load of each version that is under way, by `name/version`. */
  readonly #loads = new Map<string, Promise<unknown>>();
  /** Loads that wait, the next first. */
  readonly #slots: { readonly key: string; readonly begin: () => void }[] = [];
  #free = loadsAtOnce;
  #isClosed = false;

  constructor(
    readonly files: ModelFiles,
    readonly loadVersion: (name: string, version: string) => Promise<LoadedVersion>,
    readonly onFailure: (name: string, version: string, reason: string) => void,
  ) {}

  /**
   * Looks through the repository and begins to load every model as its policy says; `idle` waits for the end. A version
   * that fails stands as UNAVAILABLE; the others serve.
   */
  async loadAll(): Promise<void> {
    for (const { name, versions } of await this.files.list()) {
      try {
        const policy = await this.files.policy(name);
        this.#policies.set(name, policy);
        for (const version of versionsToLoad(policy, versions))
          void this.load(name, version).catch(() => undefined);
      } catch (thrown) {
        for (const version of versions) this.#fail(name, version, messageOf(thrown));
      }
    }
  }

  /** Resolves when no load is under way. */
  async idle(): Promise<void> {
    while (this.#loads.size > 0) await Promise.all(this.#loads.values());
  }

  /** Loads every version that the policy names, or reloads it. Throws when none could be loaded. */
  async loadModel(name: string): Promise<void> {
    const present = (await this.files.list()).find((model) => model.name === name)?.versions ?? [];
    const policy = present.length === 0 ? undefined : await this.files.policy(name);
    this.#policies.set(name, policy);
    const failures: unknown[] = [];
    const wanted = versionsToLoad(policy, present);
    for (const version of wanted)
      await this.load(name, version).catch((thrown: unknown) => failures.push(thrown));
    if (wanted.length === 0)
      throw modelsError(
        'MODELS_NOT_FOUND',
        `expected a folder ${name} with versions in the model repository; there is none`,
      );
    if (failures.length === wanted.length) throw failures[0];
  }

  /** Loads or reloads one version, a few at the same time. Throws where it fails; what served before goes on serving. */
  async load(name: string, version: string): Promise<ShelvedVersion> {
    const key = `${name}/${version}`;
    const before = this.#loads.get(key);
    if (this.#entry(name, version)?.loaded === undefined)
      this.#put(name, version, { state: 'LOADING', reason: '' });
    const loading = (before ?? Promise.resolve()).then(() =>
      this.#inSlot(key, () => this.#load(name, version)),
    );
    const ended = loading.then(
      () => undefined,
      () => undefined,
    );
    this.#loads.set(key, ended);
    void ended.then(() => this.#loads.get(key) === ended && this.#loads.delete(key));
    return await loading;
  }

  async #inSlot<T>(key: string, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((begin) => this.#slots.push({ key, begin }));
    try {
      if (this.#isClosed) throw modelsError('MODELS_NOT_READY', 'the service stops');
      return await work();
    } finally {
      const next = this.#slots.shift();
      if (next === undefined) this.#free++;
      else next.begin();
    }
  }

  /** What somebody asks for is loaded before what nobody does. */
  #sooner(key: string): void {
    const at = this.#slots.findIndex((slot) => slot.key === key);
    if (at > 0) this.#slots.unshift(...this.#slots.splice(at, 1));
  }

  async #load(name: string, version: string): Promise<ShelvedVersion> {
    const before = this.#entry(name, version);
    try {
      const loaded = await this.loadVersion(name, version);
      const replaced = this.#entry(name, version)?.loaded;
      this.#put(name, version, { state: 'READY', reason: '', loaded });
      if (replaced !== undefined) await this.#close(replaced);
      return { name, version, state: 'READY', reason: '', loaded };
    } catch (thrown) {
      const reason = messageOf(thrown);
      const missing = thrown instanceof RapportError && thrown.code === 'MODELS_NOT_FOUND';
      if (before?.loaded !== undefined) before.reason = `still serving what was loaded before: ${reason}`;
      else if (missing) this.#models.get(name)?.delete(version);
      else this.#fail(name, version, reason);
      if (missing) throw thrown;
      throw modelsError('MODELS_LOAD_FAILED', `${name}/${version} was not loaded: ${reason}`);
    }
  }

  /** Takes one version, or every version, out of service; its calls in hand end first. */
  async unload(name: string, version: string | undefined): Promise<void> {
    const versions = this.#models.get(name) ?? new Map<string, Entry>();
    const wanted = version === undefined ? [...versions.keys()] : [version];
    if (wanted.length === 0 || wanted.some((each) => !versions.has(each))) throw this.#unknown(name, version);
    for (const each of wanted) {
      const loaded = versions.get(each)?.loaded;
      versions.set(each, { state: 'UNLOADING', reason: 'unloading' });
      if (loaded !== undefined) await this.#close(loaded);
      versions.set(each, { state: 'UNAVAILABLE', reason: 'unloaded' });
    }
  }

  /** Every version, by name and version. */
  list(): readonly ShelvedVersion[] {
    return [...this.#models]
      .flatMap(([name, versions]) =>
        [...versions].map(([version, entry]) => ({ name, version, ...entry, ...standingOf(entry) })),
      )
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : compareVersions(a.version, b.version)));
  }

  /** The version asked for, else the one that the policy chooses. Throws MODELS_NOT_FOUND or MODELS_NOT_READY. */
  find(name: string, version: string | undefined): ShelvedVersion & { readonly loaded: LoadedVersion } {
    const versions = this.#models.get(name);
    if (versions === undefined || versions.size === 0) throw this.#unknown(name, version);
    const ready = [...versions]
      .filter(([, entry]) => standingOf(entry).state === 'READY')
      .map(([each]) => each);
    const chosen = version ?? defaultVersion(this.#policies.get(name), ready);
    const entry = chosen === undefined ? undefined : versions.get(chosen);
    if (chosen !== undefined && entry?.loaded !== undefined && standingOf(entry).state === 'READY') {
      return { name, version: chosen, state: 'READY', reason: entry.reason, loaded: entry.loaded };
    }
    if (version !== undefined && entry === undefined) throw this.#unknown(name, version);
    const states = [...versions].map(([each, entry]) => {
      const { state, reason } = standingOf(entry);
      return `${each} is ${state}${reason === '' ? '' : ` (${reason})`}`;
    });
    throw modelsError(
      'MODELS_NOT_READY',
      `expected a version of ${name} that is ready; ${states.join('; ')}`,
    );
  }

  /** Does work with a version that cannot be closed under it; one that is being loaded is waited for a little. */
  async using<T>(
    name: string,
    version: string | undefined,
    work: (held: HeldVersion) => Promise<T>,
  ): Promise<T> {
    const loading = this.#loading(name, version);
    if (loading !== undefined) await loading;
    const { loaded, version: used } = this.find(name, version);
    this.#calls.set(loaded, (this.#calls.get(loaded) ?? 0) + 1);
    try {
      return await work({
        name,
        version: used,
        loaded,
        run: (inputs, outputs) => loaded.open.run(inputs, outputs),
      });
    } finally {
      const left = (this.#calls.get(loaded) ?? 1) - 1;
      if (left > 0) this.#calls.set(loaded, left);
      else {
        this.#calls.delete(loaded);
        this.#closing.get(loaded)?.();
      }
    }
  }

  /** Where nothing of a model is ready yet and what was asked for is being loaded: until it is, or 4 s have passed. */
  #loading(name: string, version: string | undefined): Promise<unknown> | undefined {
    const entries = [...(this.#models.get(name) ?? [])].filter(
      ([each]) => version === undefined || each === version,
    );
    if (!entries.some(([, { state }]) => state === 'LOADING')) return undefined;
    if (entries.some(([, { state }]) => state === 'READY')) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, longestWaitMs)));
    const loads = entries.flatMap(([each]) => {
      this.#sooner(`${name}/${each}`);
      return this.#loads.get(`${name}/${each}`) ?? [];
    });
    return Promise.race([Promise.all(loads), late]).finally(() => clearTimeout(timer));
  }

  /** Closes every version; loads that have not begun are given up. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.idle();
    for (const versions of this.#models.values()) {
      for (const { loaded } of versions.values()) if (loaded !== undefined) await this.#close(loaded);
    }
    this.#models.clear();
  }

  async #close(loaded: LoadedVersion): Promise<void> {
    if (this.#calls.has(loaded)) {
      await new Promise<void>((resolve) => this.#closing.set(loaded, resolve));
      this.#closing.delete(loaded);
    }
    await loaded.open.close();
  }

  #entry(name: string, version: string): Entry | undefined {
    return this.#models.get(name)?.get(version);
  }

  #put(name: string, version: string, entry: Entry): void {
    const versions = this.#models.get(name) ?? new Map<string, Entry>();
    versions.set(version, entry);
    this.#models.set(name, versions);
  }

  #fail(name: string, version: string, reason: string): void {
    this.#put(name, version, { state: 'UNAVAILABLE', reason });
    this.onFailure(name, version, reason);
  }

  #unknown(name: string, version: string | undefined): RapportError {
    const known = [...this.#models].filter(([, versions]) => versions.size > 0).map(([each]) => each);
    const asked = version === undefined ? name : `${name} version ${version}`;
    return modelsError(
      'MODELS_NOT_FOUND',
      `there is no model ${asked}; there are ${known.join(', ') || 'none'}`,
    );
  }
}
