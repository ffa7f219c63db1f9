import type { JsonObject } from '@rapport/contracts';
import { isAmount } from '@rapport/kernel';
import type { IngestionErrorCode } from '../ingestion.errors.js';

/** A `reject` outcome that cannot be confused with anything that came from outside, whatever its fields are called. */
export class Refused {
  readonly kind = 'reject';

  constructor(
    readonly code: IngestionErrorCode,
    /** What was expected, what came, how to fix it. */
    readonly detail: string,
  ) {}
}

/** What a value is, in the words of JSON. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** An optional object; null counts as absent. */
export function readObject(value: unknown, path: string): JsonObject | undefined | Refused {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object' && !Array.isArray(value)) return value as JsonObject;
  return new Refused('INGESTION_FIELD_TYPE', `${path}: expected an object; got ${kindOf(value)}`);
}

/** An optional text; numbers are written out, empty text and null count as absent. */
export function readText(value: unknown, path: string): string | undefined | Refused {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number') return String(value);
  return new Refused('INGESTION_FIELD_TYPE', `${path}: expected a string; got ${kindOf(value)}`);
}

/** What cannot be kept or counted of a value: `deep`, or a number that is no amount. */
export type Flaw = 'deep' | { readonly number: number };

/** The first flaw within: objects and arrays that lie more than so many levels inside each other, or a number that is no amount. */
export function flawIn(value: object, levels: number): Flaw | undefined {
  if (levels === 0) return 'deep';
  if (Array.isArray(value)) {
    for (const entry of value as readonly unknown[]) {
      const flaw = flawOfEntry(entry, levels);
      if (flaw !== undefined) return flaw;
    }
    return undefined;
  }
  for (const key in value) {
    const flaw = flawOfEntry((value as Record<string, unknown>)[key], levels);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

function flawOfEntry(entry: unknown, levels: number): Flaw | undefined {
  if (typeof entry === 'number') return isAmount(entry) ? undefined : { number: entry };
  return typeof entry === 'object' && entry !== null ? flawIn(entry, levels - 1) : undefined;
}

/** Whether a key or a text anywhere within holds U+0000. */
export function holdsNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0');
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, entry]) => key.includes('\0') || holdsNul(entry));
}
