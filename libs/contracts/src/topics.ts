import type { Identifier, Origin, ProfileId } from '@rapport/kernel';

/** JSON as it came. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export const eventTypes = ['identify', 'track', 'page', 'screen', 'group', 'alias'] as const;
export type EventType = (typeof eventTypes)[number];

/**
 * How far what an event says is trusted. `browser`: it came with a public write key, which anybody can read off a page
 * (docs/adr/0017). Absent: with a key that only servers have.
 */
export type Trust = 'browser';

/** `events.accepted.v1`, key origin: authenticated, validated, normalised, clock-corrected. */
export interface AcceptedEvent {
  readonly type: EventType;
  readonly messageId: string;
  /** `user_id`, else `anonymous_id`, else the first external id: see docs/adr on origins. */
  readonly origin: Origin;
  /** Every identifier that the event carries, the origin first, without doubles. */
  readonly identifiers: readonly Identifier[];
  /** The `event` of a track call. */
  readonly event?: string;
  /** `name` and `category` of a page or screen call. */
  readonly name?: string;
  readonly category?: string;
  readonly groupId?: string;
  readonly properties?: JsonObject;
  readonly traits?: JsonObject;
  readonly context?: JsonObject;
  /** Clock-corrected instant at which it happened, ISO 8601 UTC with milliseconds. */
  readonly timestamp: string;
  readonly originalTimestamp?: string;
  readonly sentAt?: string;
  /** The server's clock when it came in; the instant at which rules see it. */
  readonly receivedAt: string;
  /** The name of the source whose write key it came with. */
  readonly source: string;
  /** Only events of browser keys have it. */
  readonly trust?: Trust;
  /** Only `alias` has it: the identifier that `identifiers[0]` was known by before. */
  readonly previous?: Identifier;
}

/**
 * `events.rejected.v1`: what could not be taken. Key: where it stood, `topic/partition/offset` or `collection/id`; what
 * the front door refused stood nowhere and goes by its messageId.
 */
export interface RejectedEvent {
  readonly messageId?: string;
  readonly stage: string;
  readonly code: string;
  readonly detail: string;
  readonly source?: string;
  /** As of an accepted event: what is replayed is trusted no further than when it came. */
  readonly trust?: Trust;
  readonly rejectedAt: string;
  /** The original text, cut at 32 KiB. */
  readonly original: string;
  /** Where it stood, when it came from a topic. */
  readonly position?: { readonly topic: string; readonly partition: number; readonly offset: number };
  /** The key that it had there. */
  readonly key?: string;
  /** Set in place of `position` when a stored document could not be used. */
  readonly document?: { readonly collection: string; readonly id: string };
}

/** `events.identified.v1`, key profileId. */
export interface IdentifiedEvent extends AcceptedEvent {
  readonly profileId: ProfileId;
  /** Where the event stands in `events.accepted.v1`: tells our own redelivery from a client's retry. */
  readonly acceptedAt: { readonly partition: number; readonly offset: number };
  /** Already folded into its origin by the worker of another profile (a merge came between): only the view is renewed. */
  readonly folded?: true;
  /** Not an event at all, and `folded` too: tells the owner that an origin was written by another worker. */
  readonly renewal?: true;
}

/**
 * `identity.changed.v1`, key profileId: one record for each profile that a change touches, carrying that
 * profile's whole membership, so that the newest record of a key alone is enough.
 */
export interface IdentityChange {
  readonly profileId: ProfileId;
  /** Counts up with each change of this profile's membership; the higher one holds. */
  readonly membershipVersion: number;
  readonly kind: 'linked' | 'merged' | 'unlinked' | 'split' | 'forgotten';
  /** Every identifier of the profile after the change; empty when it went into another. */
  readonly identifiers: readonly Identifier[];
  /** Set when this profile now is a pointer to an elder one. */
  readonly mergedInto?: ProfileId;
  /** The other profile of a merge or split. */
  readonly other?: ProfileId;
  readonly at: string;
  readonly reason: string;
}

export interface TraitValue {
  readonly value: JsonValue;
  readonly source: string;
  readonly at: string;
  readonly messageId: string;
}

export interface SegmentMembership {
  readonly name: string;
  /** The instant at which the rule became true, ISO 8601. */
  readonly since: string;
}

/** The newest answer to a purpose. */
export interface ConsentChoice {
  readonly granted: boolean;
  readonly at: string;
  readonly source: string;
  /** True when the person chose it; absent when events only carried the state of a device. */
  readonly chosen?: boolean;
}

/** What a person looks like at an instant: the fold of the person's origins. */
export interface ProfileView {
  readonly profileId: ProfileId;
  readonly identifiers: readonly Identifier[];
  readonly traits: Readonly<Record<string, TraitValue>>;
  /** Names of the traits whose newest statement took them back (null); absent where there is none. */
  readonly removedTraits?: readonly string[];
  /** By name, in the playbook's terms; null where there is nothing yet. */
  readonly computedTraits: Readonly<Record<string, JsonValue>>;
  readonly segments: readonly SegmentMembership[];
  /** By purpose; a purpose that is absent counts as no. */
  readonly consent: Readonly<Record<string, ConsentChoice>>;
  /** Event times of the first and last event, ISO 8601. */
  readonly firstSeen?: string;
  readonly lastSeen?: string;
  /** IANA name, from the newest event that had one. */
  readonly timezone?: string;
}

/** One thing that changed at one instant. */
export interface SegmentTransition {
  readonly segment: string;
  readonly kind: 'entered' | 'left';
  readonly at: string;
}

/** `profiles.changed.v1`, key profileId: the state after a batch, and what happened in it: not compacted, because each record's events count. */
export interface ProfileChange {
  readonly profileId: ProfileId;
  /** Counts up with each write of this profile; consumers drop what they have seen. */
  readonly version: number;
  /** The instant that the state is true for, ISO 8601. */
  readonly asOf: string;
  readonly transitions: readonly SegmentTransition[];
  /** The events that were folded in since the version before, in the order they were applied; at most 100, the newest. */
  readonly events: readonly {
    readonly type: EventType;
    readonly event?: string;
    readonly messageId: string;
    readonly timestamp: string;
    readonly receivedAt: string;
    readonly properties?: JsonObject;
  }[];
  /** Set when the profile became a pointer; then `view` is empty of identifiers. */
  readonly mergedInto?: ProfileId;
  readonly view: ProfileView;
}

/** `messages.requested.v1`, key profileId. */
export interface RequestedMessage {
  /** Follows from journey instance and step, so that a repeat is recognised. */
  readonly messageId: string;
  readonly profileId: ProfileId;
  readonly channel: string;
  readonly tactic: string;
  readonly variant: string;
  readonly decisionId: string;
  readonly journey?: string;
  readonly instance?: string;
  /** Address on the channel: an e-mail address, a URL. */
  readonly to: string;
  /** Rendered already: subject, text, html, items … */
  readonly content: JsonObject;
  readonly requestedAt: string;
  /** How often an operator had this message sent anew; absent for the first request. */
  readonly replay?: number;
}

/** `deliveries.recorded.v1`, key profileId: how a message ended. */
export interface Delivery {
  readonly messageId: string;
  readonly profileId: ProfileId;
  readonly channel: string;
  /** failed: refused for good, or given up; cancelled: no longer wanted when it was its turn. */
  readonly outcome: 'sent' | 'failed' | 'cancelled';
  readonly detail: string;
  /** Tries since the message was requested, or replayed. */
  readonly attempts: number;
  readonly at: string;
  /** As in the request: the end of a replay takes the place of the end before. */
  readonly replay?: number;
}

/** What became of one candidate of a decision. */
export interface CandidateOutcome {
  readonly tactic: string;
  readonly variant?: string;
  /** `chosen`, or the step of the decide order that ended it. */
  readonly outcome:
    'chosen' | 'not_eligible' | 'no_consent' | 'suppressed' | 'holdout' | 'capped' | 'outranked';
  /** In words: which rule, which cap, which purchase. */
  readonly reason: string;
  readonly score?: number;
}

/** `decisions.made.v1`, key profileId, and the decision ledger. */
export interface DecisionRecord {
  readonly decisionId: string;
  readonly profileId: ProfileId;
  /** As asked: `type:value`. */
  readonly person: string;
  readonly placement: string;
  readonly at: string;
  readonly chosen: {
    readonly tactic: string;
    readonly variant: string;
    readonly content: JsonObject;
    readonly items?: readonly JsonObject[];
  } | null;
  readonly candidates: readonly CandidateOutcome[];
  /** Probability with which the chosen action was chosen, 0 to 1. */
  readonly propensity: number;
  /** True when the best candidate was withheld because the person is in its holdout. */
  readonly holdout: boolean;
  /** How the answer was found: `model`, `rule`, `fallback`, `none`. */
  readonly rung: string;
  readonly versions: { readonly playbook: string; readonly profile: number; readonly model?: string };
  readonly features: Readonly<Record<string, number>>;
  readonly journey?: string;
}

/**
 * `audit.recorded.v1`, key token; a record's value is a list of these, in the order of time: who did what, when, from
 * where. A change is there twice, `begun` and how it ended.
 */
export interface AuditRecord {
  /** The same for `begun` and the end of one call. */
  readonly id: string;
  readonly at: string;
  /** The token's name; never the token. */
  readonly token: string;
  readonly action: string;
  /** The route's pattern or the RPC: `GET /v1/people/:person`, `/rapport.profiles.v1.ProfilesService/GetProfile`. */
  readonly door: string;
  /** What it was about, as it was asked for, by the names of the request: `{ "person": "user_id:42" }`. */
  readonly subject: Readonly<Record<string, string>>;
  /** `begun`: written before a change; an end is missing where the process died or the log was lost meanwhile. */
  readonly outcome: 'begun' | 'done' | 'refused' | 'failed';
  /** HTTP status, or gRPC status by name; empty while begun. */
  readonly status: string;
  /** The network address that asked. */
  readonly address: string;
  /** Calls of the same kind, about the same, within a moment are written as one. */
  readonly count: number;
}

/** A topic, what its key is, and how long it is kept. */
export interface TopicDeclaration {
  readonly name: string;
  readonly key: string;
  readonly partitions: number;
  readonly retentionMs: number;
  readonly compacted: boolean;
}

const dayMs = 86_400_000;
/** Partitions of every topic; equal, so that one worker owns the same people in all of them. */
export const partitionCount = 4;

const declare = <Name extends string>(
  name: Name,
  key: string,
  retentionMs: number,
  compacted = false,
): TopicDeclaration & { readonly name: Name } => ({
  name,
  key,
  partitions: partitionCount,
  retentionMs,
  compacted,
});

/** Every topic of the platform. */
export const topics = {
  accepted: declare('events.accepted.v1', 'origin', 30 * dayMs),
  rejected: declare('events.rejected.v1', 'place', 30 * dayMs),
  identified: declare('events.identified.v1', 'profileId', 7 * dayMs),
  identityChanged: declare('identity.changed.v1', 'profileId', -1, true),
  profilesChanged: declare('profiles.changed.v1', 'profileId', 7 * dayMs),
  messagesRequested: declare('messages.requested.v1', 'profileId', 30 * dayMs),
  deliveriesRecorded: declare('deliveries.recorded.v1', 'profileId', 30 * dayMs),
  decisionsMade: declare('decisions.made.v1', 'profileId', 90 * dayMs),
  inferencesLogged: declare('inferences.logged.v1', 'profileId', 7 * dayMs),
  auditRecorded: declare('audit.recorded.v1', 'token', 365 * dayMs),
} as const;

/** CloudEvents 1.0 binary-mode headers for a JSON record. */
export function cloudEventHeaders(type: string, id: string, timeIso: string): Record<string, string> {
  return {
    'content-type': 'application/json',
    ce_specversion: '1.0',
    ce_source: 'rapport',
    ce_type: type,
    ce_id: id,
    ce_time: timeIso,
  };
}

const decoder = new TextDecoder();
/** A record's value as JSON bytes. */
export const encodeJson = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value), 'utf8');
/** The JSON of a record's value; the caller names the type that the topic promises. */
export const decodeJson = <T>(bytes: Uint8Array): T => JSON.parse(decoder.decode(bytes)) as T;
