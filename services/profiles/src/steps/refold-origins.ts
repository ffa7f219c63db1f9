import { RapportError, takeTurn } from '@rapport/kernel';
import type { Definitions } from '../domain/definitions.js';
import { emptyOrigin, foldEvent, type OriginState } from '../domain/origin-state.js';
import type { HeldOrigin } from '../domain/person.js';
import { profileEventOf } from '../domain/profile-event.js';
import type { PeopleStore } from '../ports/people-store.js';
import type { Timeline } from '../ports/timeline.js';
import { profilesErrors } from '../profiles.errors.js';
import { mergedTimeline } from './read-timeline.js';

/** Another worker may do the same at the same time. */
const mostRounds = 5;

/**
 * Folds origins anew from the timeline that other definitions had folded: a computed trait that is new knows the
 * whole past. Only events that had been folded are: those that are on their way come by themselves.
 */
export async function refoldOrigins(
  ports: { readonly people: PeopleStore; readonly timeline: Timeline },
  definitions: Definitions,
  held: readonly HeldOrigin[],
): Promise<void> {
  let stale = held.filter((one) => isStale(one, definitions));
  for (let round = 0; stale.length > 0; round++) {
    if (round === mostRounds) {
      throw new RapportError(
        profilesErrors.writeConflict,
        'conflict',
        `${stale.length} origin(s) kept changing`,
      );
    }
    for (const one of stale) one.state = await refold(ports.timeline, definitions, one.state as OriginState);
    const taken = await ports.people.writeOrigins(
      stale.map(({ origin, version, state }) => ({
        id: origin,
        value: state as OriginState,
        expectedVersion: version,
      })),
    );
    for (const [index, one] of stale.entries()) if (taken[index] === true) one.version++;
    const behind = stale.filter((_, index) => taken[index] !== true);
    const stored = behind.length === 0 ? [] : await ports.people.origins(behind.map(({ origin }) => origin));
    for (const [index, one] of behind.entries()) {
      one.version = stored[index]?.version ?? 0;
      one.state = stored[index]?.value;
    }
    stale = behind.filter((one) => isStale(one, definitions));
  }
}

const isStale = ({ state }: HeldOrigin, definitions: Definitions): boolean =>
  state !== undefined && state.definitions !== definitions.gathering;

/** An event that new definitions do not get on with must not keep its person from all the others: it is left out. */
async function refold(
  timeline: Timeline,
  definitions: Definitions,
  state: OriginState,
): Promise<OriginState> {
  for (const leftOut = new Set<string>(); ;) {
    const { applied, foldedFor } = state;
    const made: OriginState = { ...emptyOrigin(state.origin, definitions), applied };
    if (foldedFor !== undefined) made.foldedFor = foldedFor;
    const poison = await foldAll(timeline, definitions, made, leftOut);
    if (poison === undefined) return made;
    leftOut.add(poison);
  }
}

/** Folds the events that had been applied; answers the message id of one that could not be. */
async function foldAll(
  timeline: Timeline,
  definitions: Definitions,
  state: OriginState,
  leftOut: ReadonlySet<string>,
): Promise<string | undefined> {
  const past = mergedTimeline(timeline, { origins: [state.origin], newestFirst: false });
  for await (const { event, claim } of past) {
    const read = profileEventOf(event);
    const wasApplied = claim.offset <= (state.applied[String(claim.partition)] ?? -1);
    if (!wasApplied || leftOut.has(event.messageId)) continue;
    try {
      foldEvent(definitions, state, read);
    } catch {
      return event.messageId;
    }
    const turn = takeTurn();
    if (turn !== undefined) await turn;
  }
  return undefined;
}
