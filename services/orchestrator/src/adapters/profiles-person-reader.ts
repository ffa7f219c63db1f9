import { identityProto, profilesProto, type JsonObject, type JsonValue } from '@rapport/contracts';
import { RapportError, type ProfileId } from '@rapport/kernel';
import type { Calls } from '@rapport/service-host';
import { mailboxOf } from '../domain/mail-address.js';
import type { Person } from '../domain/person.js';
import type { PastEvent, PersonReader } from '../ports/person-reader.js';

const emptyObject: JsonObject = {};

function toPerson(profile: profilesProto.Profile): Person {
  const traits: Record<string, Person['traits'][string]> = {};
  for (const [name, trait] of Object.entries(profile.traits)) {
    const { source, at, messageId } = trait;
    traits[name] = { value: trait.value as JsonValue, source, at, messageId };
  }
  const consent: Record<string, boolean> = {};
  const chosenAtMs: Record<string, number> = {};
  for (const [purpose, { granted, at, chosen }] of Object.entries(profile.consent)) {
    consent[purpose] = granted;
    if (chosen) chosenAtMs[purpose] = Date.parse(at);
  }
  return {
    profileId: profile.profileId as ProfileId,
    version: Number(profile.version),
    identifiers: profile.identifiers,
    traits,
    removedTraits: new Set(profile.removedTraits),
    computedTraits: profile.computedTraits ?? emptyObject,
    segments: new Set(profile.segments.map(({ name }) => name)),
    consent,
    chosenAtMs,
    timezone: profile.timezone === '' ? 'UTC' : profile.timezone,
  };
}

/** The answer, or undefined where nobody is known: a person may have been forgotten since. */
async function ofSomebody<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (thrown) {
    if (thrown instanceof RapportError && thrown.status === 'not_found') return undefined;
    throw thrown;
  }
}

/** People as ProfilesService and IdentityService tell them, in process or over gRPC. */
export function createProfilesPersonReader(calls: Calls): PersonReader {
  const profiles = calls.to<profilesProto.ProfilesService>(profilesProto.ProfilesServiceDefinition);
  const identity = calls.to<identityProto.IdentityService>(identityProto.IdentityServiceDefinition);
  const historyOf = async (identifier: string): Promise<readonly identityProto.HistoryEntry[]> =>
    (await ofSomebody(identity.getPerson({ person: identifier })))?.history ?? [];
  return {
    read: async (person) => {
      const profile = (await ofSomebody(profiles.getProfile({ person })))?.profile;
      return profile === undefined ? undefined : toPerson(profile);
    },
    events: async (profileId, event, fromMs, untilMs, limit) => {
      const asked = profiles.getTimeline({
        person: profileId,
        type: 'track',
        event,
        from: new Date(fromMs).toISOString(),
        // The end of the range is exclusive there.
        to: new Date(untilMs + 1).toISOString(),
        cursor: '',
        limit,
      });
      return ((await ofSomebody(asked))?.events ?? []).map(toPastEvent);
    },
    isUnlinked: async ({ identifiers }, address) => {
      const [first] = identifiers;
      const mailbox = mailboxOf(address);
      if (first === undefined || identifiers.some((one) => isOf(one, mailbox))) return false;
      // After the change the two are people of their own, and either may have the entry.
      const histories = await Promise.all([historyOf(first), historyOf(`email:${mailbox}`)]);
      const newest = histories
        .flat()
        .filter(
          ({ kind, from, to }) =>
            ['link', 'unlink', 'split'].includes(kind) &&
            ((isOf(from, mailbox) && identifiers.includes(to)) ||
              (isOf(to, mailbox) && identifiers.includes(from))),
        )
        .reduce<identityProto.HistoryEntry | undefined>(
          (last, entry) => (last === undefined || entry.at >= last.at ? entry : last),
          undefined,
        );
      return newest !== undefined && newest.kind !== 'link';
    },
    features: async (profileId) => {
      const { rows } = await profiles.batchGetFeatures({ persons: [profileId], features: [] });
      return rows[0]?.values ?? {};
    },
  };
}

const isOf = (identifier: string, mailbox: string): boolean =>
  identifier.startsWith('email:') && mailboxOf(identifier.slice('email:'.length)) === mailbox;

const toPastEvent = (event: profilesProto.TimelineEvent): PastEvent => ({
  messageId: event.messageId,
  atMs: Date.parse(event.timestamp),
  receivedAtMs: Date.parse(event.receivedAt),
  properties: event.properties ?? emptyObject,
});
