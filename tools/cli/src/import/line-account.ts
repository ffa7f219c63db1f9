import type { EventUnit } from './import-format.js';

/** One line of the account: how many lines of the file, and how many events they became. */
export interface AccountEntry {
  readonly what: string;
  lines: number;
  events: number;
  /** The first line of the file that this is about. */
  firstLine: number;
}

/** Where every line of a file went: lines read = lines used + lines refused, by reason. */
export class LineAccount {
  readonly #used = new Map<string, AccountEntry>();
  readonly #refused = new Map<string, AccountEntry>();
  /** Events that an earlier, interrupted run had brought in already. */
  earlierEvents = 0;

  use(unit: EventUnit): void {
    add(this.#used, unit.name, unit.lines, 1, unit.firstLine);
  }

  refuse(reason: string, lines: number, firstLine: number): void {
    add(this.#refused, reason, lines, 0, firstLine);
  }

  used(): readonly AccountEntry[] {
    return sorted(this.#used);
  }

  refused(): readonly AccountEntry[] {
    return sorted(this.#refused);
  }

  linesUsed(): number {
    return total(this.#used, 'lines');
  }

  linesRefused(): number {
    return total(this.#refused, 'lines');
  }

  events(): number {
    return total(this.#used, 'events');
  }
}

function add(
  entries: Map<string, AccountEntry>,
  what: string,
  lines: number,
  events: number,
  firstLine: number,
): void {
  const entry = entries.get(what);
  if (entry === undefined) {
    entries.set(what, { what, lines, events, firstLine });
    return;
  }
  entry.lines += lines;
  entry.events += events;
  // Verdicts come in the order of requests that end, which is not that of the file.
  entry.firstLine = Math.min(entry.firstLine, firstLine);
}

const sorted = (entries: ReadonlyMap<string, AccountEntry>): AccountEntry[] =>
  [...entries.values()].sort((a, b) => b.lines - a.lines || (a.what < b.what ? -1 : 1));

const total = (entries: ReadonlyMap<string, AccountEntry>, field: 'lines' | 'events'): number =>
  [...entries.values()].reduce((sum, entry) => sum + entry[field], 0);
