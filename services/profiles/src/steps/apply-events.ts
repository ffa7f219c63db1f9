import type { IdentifiedEvent } from '@rapport/contracts';
import { messageOf, takeTurn, type ProfileId } from '@rapport/kernel';
import type { Definitions } from '../domain/definitions.js';
import { emptyOrigin, foldEvent, type Touched } from '../domain/origin-state.js';
import { appliedTo, mostRemembered, type HeldOrigin, type Person } from '../domain/person.js';
import type { BatchWork } from './batch-work.js';
import type { HousedEvent } from './find-homes.js';
import type { ReadEvent } from './read-identified.js';

/** An event that could not be folded: a bug, or a definition that does not get on with it. */
export class PoisonEvent extends Error {
  constructor(
    readonly read: ReadEvent,
    cause: unknown,
  ) {
    super(messageOf(cause), { cause });
  }
}

/** An event that was folded here and belongs to somebody in another partition. */
export interface ForwardedEvent {
  readonly owner: ProfileId;
  readonly event: IdentifiedEvent;
}

/**
 * Applies events in the order of their records: what falls due up to the instant at which an event was received
 * first, at its own instants, then the event. Lets the event loop turn in between. Throws PoisonEvent.
 */
export async function applyEvents(
  definitions: Definitions,
  work: BatchWork,
  events: readonly HousedEvent[],
): Promise<readonly ForwardedEvent[]> {
  const forwarded: ForwardedEvent[] = [];
  for (const event of events) {
    try {
      if (event.person === undefined) forwarded.push(passThrough(definitions, work, event));
      else applyEvent(definitions, work, event, event.person);
    } catch (thrown) {
      throw new PoisonEvent(event, thrown);
    }
    const turn = takeTurn();
    if (turn !== undefined) await turn;
  }
  return forwarded;
}

function applyEvent(definitions: Definitions, work: BatchWork, read: HousedEvent, person: Person): void {
  const { offset } = read;
  const { origin } = read.record;
  const isNew =
    offset > person.applied ||
    (read.standing !== 'passed on' && person.wasCutShort(offset, origin, work.partition));
  if (isNew) {
    const change = work.change(person);
    if (!change.hasEvents) {
      change.hasEvents = true;
      person.after = offset - 1;
    }
    person.advanceTo(read.event.receivedMs);
    person.applied = Math.max(person.applied, offset);
    person.told.set(origin, Math.max(person.told.get(origin) ?? -1, offset));
    if (isTold(person, read)) change.events.push({ event: read.record, bytes: read.bytes.byteLength });
  }
  const touched = foldOnce(definitions, work, read, person.profileId, person);
  if (touched === 'first') {
    person.originsChanged();
    if (isNew) person.renewAll();
  } else if (touched === undefined) {
    if (isNew) person.renewAll();
  } else if (isNew) person.renew(touched);
  else person.refresh(touched);
}

/** Renewals are no events; what another worker passed on twice is told once. */
function isTold(person: Person, { record, standing }: HousedEvent): boolean {
  if (record.renewal === true) return false;
  if (standing !== 'passed on') return true;
  if (person.forwarded.includes(record.messageId)) return false;
  person.forwarded = [...person.forwarded, record.messageId].slice(-mostRemembered);
  return true;
}

/** Folds an event unless the stored state has it; answers what it touched, or that it was the origin's first. */
function foldOnce(
  definitions: Definitions,
  work: BatchWork,
  read: HousedEvent,
  owner: ProfileId,
  person?: Person,
): Touched | 'first' | undefined {
  const { held, standing } = read;
  if (standing === 'passed on' || read.offset <= appliedTo(held, work.partition)) return undefined;
  work.fold(held, read, owner, person);
  return foldInto(definitions, work.partition, held, read, owner);
}

export function foldInto(
  definitions: Definitions,
  partition: number,
  held: HeldOrigin,
  read: ReadEvent,
  owner: ProfileId,
): Touched | 'first' {
  const isFirst = held.state === undefined;
  const state = (held.state ??= emptyOrigin(held.origin, definitions));
  const touched = foldEvent(definitions, state, read.event);
  state.applied[String(partition)] = read.offset;
  (state.foldedFor ??= {})[String(partition)] = owner;
  return isFirst ? 'first' : touched;
}

/** Folds an event of somebody who lives in another partition, and passes it on so that the view there is renewed. */
function passThrough(
  definitions: Definitions,
  work: BatchWork,
  read: HousedEvent & { readonly owner: ProfileId },
): ForwardedEvent {
  const { owner } = read;
  foldOnce(definitions, work, read, owner);
  return { owner, event: { ...read.record, profileId: owner, folded: true } };
}
