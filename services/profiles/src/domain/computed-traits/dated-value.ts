import type { JsonValue } from '@rapport/contracts';
import { isNewer } from '../profile-event.js';
import { maxTextLength } from './scalars.js';

/** A value with the event that it came with. */
export type DatedValue = readonly [atMs: number, messageId: string, value: JsonValue];

/** The later of two; the left one when they are of one event. */
export function later(left: DatedValue | null, right: DatedValue | null): DatedValue | null {
  if (left === null || right === null) return left ?? right;
  return isNewer(right[0], right[1], left[0], left[1]) ? right : left;
}

/** The earlier of two; the left one when they are of one event. */
export function earlier(left: DatedValue | null, right: DatedValue | null): DatedValue | null {
  if (left === null || right === null) return left ?? right;
  return isNewer(left[0], left[1], right[0], right[1]) ? right : left;
}

/** Values that are kept whole: what is short as text or JSON. */
export const isKept = (value: JsonValue): boolean =>
  typeof value === 'string'
    ? value.length <= maxTextLength
    : typeof value !== 'object' || JSON.stringify(value).length <= maxTextLength;
