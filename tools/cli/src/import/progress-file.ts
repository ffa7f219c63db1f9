import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { EventUnit } from './import-format.js';
import { landmarkOf, type Landmark } from './landmark.js';

/**
 * Which events of a file a platform has acknowledged, so that a run after an interrupted one need not send them again.
 * It only saves time: what is sent twice has the same messageId and counts once. Lost or torn, the file is worth what
 * can still be read of it.
 */
export class ProgressFile {
  readonly #path: string;
  readonly #acknowledged: Set<number>;
  #landmark: Landmark | undefined;
  #file: number | undefined;

  constructor(dataDir: string, digest: string, source: string) {
    const folder = join(dataDir, 'imports');
    mkdirSync(folder, { recursive: true });
    this.#path = join(folder, `${digest.slice(0, 32)}-${encodeURIComponent(source).slice(0, 100)}.ndjson`);
    const kept = read(this.#path);
    this.#acknowledged = kept.acknowledged;
    this.#landmark = kept.landmark;
  }

  get landmark(): Landmark | undefined {
    return this.#landmark;
  }

  /** Units are known by the number of their first line; the digest in the file's name says of which file. */
  has(unit: EventUnit): boolean {
    return this.#acknowledged.has(unit.firstLine);
  }

  acknowledge(units: readonly EventUnit[]): void {
    const [first] = units;
    if (first === undefined) return;
    let text = '\n';
    if (this.#landmark === undefined) {
      this.#landmark = landmarkOf(first);
      if (this.#landmark !== undefined) text += `${JSON.stringify({ landmark: this.#landmark })}\n`;
    }
    this.#file ??= openSync(this.#path, 'a', 0o600);
    writeSync(
      this.#file,
      `${text}${JSON.stringify({ acknowledged: units.map(({ firstLine }) => firstLine) })}\n`,
    );
  }

  /** Starts over: another platform, or one that was emptied. */
  forget(): void {
    this.remove();
    this.#acknowledged.clear();
    this.#landmark = undefined;
  }

  /** The import is through; a later one of the same file sends everything again, and it counts once. */
  remove(): void {
    this.close();
    rmSync(this.#path, { force: true });
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function read(path: string): { acknowledged: Set<number>; landmark: Landmark | undefined } {
  const acknowledged = new Set<number>();
  let landmark: Landmark | undefined;
  for (const line of existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []) {
    if (line === '') continue;
    try {
      const entry = JSON.parse(line) as { landmark?: Landmark; acknowledged?: number[] };
      landmark ??= entry.landmark;
      for (const firstLine of entry.acknowledged ?? []) acknowledged.add(firstLine);
    } catch {
      // A line that was cut off by a crash: those events are sent again.
    }
  }
  return { acknowledged, landmark };
}
