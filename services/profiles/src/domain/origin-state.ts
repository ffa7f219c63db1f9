import type { Origin, ProfileId } from '@rapport/kernel';
import { foldClaims, noClaims, type BrowserClaims } from './browser-claims.js';
import { foldConsents, type ConsentEntry } from './consents.js';
import type { Definitions } from './definitions.js';
import { isNewer, type ProfileEvent } from './profile-event.js';
import { foldTraits, type TraitEntry } from './traits.js';

/**
 * Everything that one origin's events add up to, as plain data: this is the document that is stored. It follows from
 * the set of the events alone, not from their order.
 */
export interface OriginState {
  readonly origin: Origin;
  /** Offset of the newest record folded in, by partition of `events.identified.v1`. */
  applied: Record<string, number>;
  /** By the same partitions, whose event that newest one was: who tells of it, or has told, also when it comes again. */
  foldedFor?: Record<string, ProfileId>;
  /** Event times of the first and last event; null before the first. */
  seen: [firstMs: number, lastMs: number] | null;
  timezone: [name: string, atMs: number, messageId: string] | null;
  traits: TraitEntry[];
  consents: ConsentEntry[];
  /** Absent while no browser key said anything. */
  browser?: BrowserClaims;
  /** States of the accumulators by key. */
  gathered: Record<string, unknown>;
  /** The definitions that `gathered` was made by. */
  definitions: string;
  /** When each track event was done last, by name; null when there are too many names, absent when it was not kept. */
  newest?: Record<string, number> | null;
}

export const emptyOrigin = (origin: Origin, definitions: Definitions): OriginState => ({
  origin,
  applied: {},
  seen: null,
  timezone: null,
  traits: [],
  consents: [],
  gathered: {},
  definitions: definitions.gathering,
  newest: {},
});

/** What an event moved, so that only rules that listen are asked again. */
export interface Touched {
  /** Numbers of the accumulators. */
  readonly accumulators: readonly number[];
  readonly traits: boolean;
  readonly consents: boolean;
  readonly firstSeen: boolean;
}

const maxTimezoneLength = 64;
/** Event names whose last time is kept; a shop has a dozen or two. */
const maxNewest = 64;

/** Adds an event to its origin; changes the state that it is given. */
export function foldEvent(definitions: Definitions, state: OriginState, event: ProfileEvent): Touched {
  const accumulators = definitions.listeners(event);
  for (const number of accumulators) {
    const { key, add } = definitions.accumulator(number);
    state.gathered[key] = add(state.gathered[key], event);
  }
  foldNewest(state, event);
  return { accumulators, ...foldSaid(state, event), firstSeen: foldPresence(state, event) };
}

/** Traits and consents, on the side of the key that they came with. */
function foldSaid(state: OriginState, event: ProfileEvent): Pick<Touched, 'traits' | 'consents'> {
  if (event.record.trust !== 'browser')
    return { traits: foldTraits(state.traits, event), consents: foldConsents(state.consents, event) };
  const claims = state.browser ?? noClaims();
  const changed = foldClaims(claims, state.origin, event);
  if (changed.traits || changed.consents) state.browser = claims;
  return changed;
}

/** First and last seen, and the time zone; answers whether the first moved. */
function foldPresence(state: OriginState, { record, atMs }: ProfileEvent): boolean {
  const timezone = record.context?.['timezone'];
  if (typeof timezone === 'string' && timezone !== '' && timezone.length <= maxTimezoneLength) {
    const known = state.timezone;
    if (known === null || isNewer(atMs, record.messageId, known[1], known[2]))
      state.timezone = [timezone, atMs, record.messageId];
  }
  if (state.seen === null) {
    state.seen = [atMs, atMs];
    return true;
  }
  if (atMs > state.seen[1]) state.seen[1] = atMs;
  if (atMs >= state.seen[0]) return false;
  state.seen[0] = atMs;
  return true;
}

function foldNewest(state: OriginState, { record: { event }, atMs }: ProfileEvent): void {
  const { newest } = state;
  if (event === undefined || newest === undefined || newest === null) return;
  const known = Object.hasOwn(newest, event) ? newest[event] : undefined;
  if (known !== undefined) {
    if (atMs > known) newest[event] = atMs;
  } else if (event === '__proto__' || Object.keys(newest).length === maxNewest) state.newest = null;
  else newest[event] = atMs;
}

/** False when the origin surely has no track event of a name at or after an instant; spares reading its timeline. */
export function mayHaveSince({ newest }: OriginState, event: string, fromMs: number): boolean {
  if (newest === undefined || newest === null) return true;
  const last = Object.hasOwn(newest, event) ? newest[event] : undefined;
  return last !== undefined && last >= fromMs;
}
