import { profilesProto, type AcceptedEvent, type ProfileChange } from '@rapport/contracts';
import { RapportError } from '@rapport/kernel';
import { seesPersonal, type Asked, type CallContext } from '@rapport/service-host';
import { profilesErrors } from '../profiles.errors.js';
import type { OwnEvents } from '../ports/own-events.js';
import type { ReadProfiles, ShownProfile } from '../read-profiles.pipeline.js';
import { shownEvent, shownProfile } from './hide-personal.js';
import { limitOf, instantOf } from './request-fields.js';

export interface ProfilesGrpcParts {
  readonly read: ReadProfiles;
  readonly ownEvents: OwnEvents;
  readonly watch: (stopped: AbortSignal) => AsyncIterable<ProfileChange>;
}

/**
 * The gRPC side of the room. ErasePerson is not built: it has to reach every store and topic, and answers
 * RPC_UNIMPLEMENTED until it does.
 */
export class ProfilesGrpc implements Omit<profilesProto.ProfilesService, 'erasePerson'> {
  constructor(private readonly parts: () => ProfilesGrpcParts) {}

  async getProfile(
    { person }: profilesProto.GetProfileRequest,
    asked?: Asked,
  ): Promise<profilesProto.GetProfileResponse> {
    return { profile: profileMessage(shownProfile(await this.parts().read.profile(person), asked)) };
  }

  async batchGetFeatures(
    request: profilesProto.BatchGetFeaturesRequest,
  ): Promise<profilesProto.BatchGetFeaturesResponse> {
    const { read } = this.parts();
    checkCount(request.persons);
    const wanted = new Set(request.features);
    const rows = request.persons.map(async (person) => {
      const features = await read.features(person);
      const named = Object.entries(features ?? {}).filter(([name]) => wanted.size === 0 || wanted.has(name));
      return { person, found: features !== undefined, values: Object.fromEntries(named) };
    });
    return { rows: await Promise.all(rows) };
  }

  async getTimeline(
    request: profilesProto.GetTimelineRequest,
    asked?: Asked,
  ): Promise<profilesProto.GetTimelineResponse> {
    const { type, event, from, to, cursor } = request;
    const page = await this.parts().read.timeline(request.person, {
      limit: limitOf(request.limit, 50, 500),
      ...(type === '' ? {} : { type }),
      ...(event === '' ? {} : { event }),
      ...(from === '' ? {} : { fromMs: instantOf('from', from) }),
      ...(to === '' ? {} : { toMs: instantOf('to', to) }),
      ...(cursor === '' ? {} : { cursor }),
    });
    return {
      events: page.events.map((entry) => timelineMessage(shownEvent(entry.event, asked))),
      nextCursor: page.nextCursor ?? '',
    };
  }

  async *watchProfiles(
    { persons }: profilesProto.WatchProfilesRequest,
    context?: CallContext,
  ): AsyncGenerator<profilesProto.WatchProfilesResponse> {
    const { read, watch } = this.parts();
    checkCount(persons);
    const wanted = new Set<string>();
    for (const person of persons) wanted.add((await read.profile(person)).view.profileId);
    for await (const change of watch(context?.cancelled ?? new AbortController().signal)) {
      if (wanted.size > 0 && !wanted.has(change.profileId)) continue;
      if (wanted.size > 0 && change.mergedInto !== undefined) wanted.add(change.mergedInto);
      yield changeMessage(change, context);
    }
  }

  async listSegment(request: profilesProto.ListSegmentRequest): Promise<profilesProto.ListSegmentResponse> {
    const cursor = request.cursor === '' ? undefined : request.cursor;
    const page = await this.parts().read.members(request.segment, cursor, limitOf(request.limit, 100, 1_000));
    return { profileIds: [...page.members], nextCursor: page.nextCursor ?? '' };
  }

  async *exportPerson({
    person,
  }: profilesProto.ExportPersonRequest): AsyncGenerator<profilesProto.ExportPersonResponse> {
    for await (const part of this.parts().read.everything(person)) {
      if ('view' in part)
        yield { kind: 'profile', json: JSON.stringify({ ...part.view, version: part.version }) };
      else yield { kind: 'event', json: JSON.stringify(part) };
    }
  }

  async setConsent(request: profilesProto.SetConsentRequest): Promise<profilesProto.SetConsentResponse> {
    const { purpose, granted, source } = request;
    if (purpose === '' || purpose.length > 64) {
      throw new RapportError(
        profilesErrors.requestInvalid,
        'invalid',
        'purpose: expected 1 to 64 characters',
      );
    }
    const { view } = await this.parts().read.profile(request.person);
    return {
      messageId: await this.parts().ownEvents.recordConsent({
        identifiers: view.identifiers,
        purpose,
        granted,
        source,
      }),
    };
  }
}

/** Messages by change, for those who see personal values and for the others. */
const told = {
  inClear: new WeakMap<ProfileChange, profilesProto.WatchProfilesResponse>(),
  hidden: new WeakMap<ProfileChange, profilesProto.WatchProfilesResponse>(),
};

/** A change in the contract's terms: one message for all who watch and may see the same. */
function changeMessage(change: ProfileChange, asked: Asked | undefined): profilesProto.WatchProfilesResponse {
  const messages = seesPersonal(asked) ? told.inClear : told.hidden;
  const known = messages.get(change);
  if (known !== undefined) return known;
  const { view, version, transitions } = change;
  const message = {
    profile: profileMessage(shownProfile({ view, version, settling: false }, asked)),
    transitions: transitions.map(({ segment, kind, at }) => ({ segment, kind, at })),
  };
  messages.set(change, message);
  return message;
}

const { watchProfiles } = profilesProto.ProfilesServiceDefinition.methods;
const encoded = new WeakMap<profilesProto.WatchProfilesResponse, Uint8Array>();

/** The contract, with what is told to all who watch encoded once. */
export const profilesContract = {
  ...profilesProto.ProfilesServiceDefinition,
  methods: {
    ...profilesProto.ProfilesServiceDefinition.methods,
    watchProfiles: {
      ...watchProfiles,
      responseType: {
        decode: (input: Uint8Array) => profilesProto.WatchProfilesResponse.decode(input),
        encode: (message: profilesProto.WatchProfilesResponse) => {
          const bytes = encoded.get(message) ?? profilesProto.WatchProfilesResponse.encode(message).finish();
          encoded.set(message, bytes);
          return { finish: () => bytes };
        },
      },
    },
  },
};

/** People that one request may name: each is looked up. */
const maxPersons = 10_000;

function checkCount(persons: readonly string[]): void {
  if (persons.length <= maxPersons) return;
  throw new RapportError(
    profilesErrors.requestInvalid,
    'invalid',
    `persons: expected at most ${maxPersons}; got ${persons.length}; ask in smaller parts`,
  );
}

/** A person in the contract's terms. */
export function profileMessage({ view, version, settling }: ShownProfile): profilesProto.Profile {
  return {
    profileId: view.profileId,
    identifiers: [...view.identifiers],
    traits: { ...view.traits },
    computedTraits: { ...view.computedTraits },
    segments: [...view.segments],
    consent: Object.fromEntries(
      Object.entries(view.consent).map(([purpose, { granted, at, source, chosen = false }]) => [
        purpose,
        { granted, at, source, chosen },
      ]),
    ),
    removedTraits: [...(view.removedTraits ?? [])],
    version: BigInt(version),
    firstSeen: view.firstSeen ?? '',
    lastSeen: view.lastSeen ?? '',
    settling,
    timezone: view.timezone ?? '',
  };
}

const timelineMessage = (event: AcceptedEvent): profilesProto.TimelineEvent => ({
  messageId: event.messageId,
  type: event.type,
  event: event.event ?? '',
  timestamp: event.timestamp,
  receivedAt: event.receivedAt,
  source: event.source,
  origin: event.origin,
  properties: event.properties,
  traits: event.traits,
  name: event.name ?? '',
});
