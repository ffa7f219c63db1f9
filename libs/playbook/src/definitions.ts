/** The playbook's terms as TypeScript: what the YAML files hold after the JSON Schema accepted them. */

/** Compares a property or a trait with a value. `path` is dotted (`properties.category`, `traits.plan`, `context.page.path`; for tracks a bare name means `properties.<name>`). */
export interface Condition {
  readonly path: string;
  readonly op: 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte' | 'in' | 'contains' | 'exists' | 'starts_with';
  /** Absent for `exists`. */
  readonly value?: string | number | boolean | readonly (string | number | boolean)[];
}

/** Which events something listens to. */
export interface EventFilter {
  /** Default `track`. */
  readonly type?: 'track' | 'page' | 'screen' | 'identify' | 'group';
  /** Track event name, or page/screen name; absent: any. */
  readonly event?: string;
  /** All must hold. */
  readonly where?: readonly Condition[];
}

export type ComputedTraitKind =
  | 'count'
  | 'sum'
  | 'min'
  | 'max'
  | 'mean'
  | 'first'
  | 'last'
  | 'most_frequent'
  | 'unique_list'
  | 'unique_count'
  | 'time_since';

export interface ComputedTraitDefinition {
  readonly name: string;
  readonly title?: string;
  readonly kind: ComputedTraitKind;
  readonly on: EventFilter;
  /** Dotted path of the value, needed by all kinds but count and time_since. `products[].product_id` takes each element. */
  readonly property?: string;
  /** Rolling window ("30d"); absent: lifetime. */
  readonly window?: string;
  /** For unique_list: how many are kept, the newest. Default 20, at most 100. */
  readonly limit?: number;
}

/** A rule tree. Exactly one key per node. */
export type SegmentRule =
  | { readonly all: readonly SegmentRule[] }
  | { readonly any: readonly SegmentRule[] }
  | { readonly not: SegmentRule }
  | { readonly did: DidRule }
  /** The steps in this order, each strictly later than the one before, all within the last `within`: holds until the first falls out. */
  | { readonly sequence: { readonly steps: readonly EventFilter[]; readonly within: string } }
  | { readonly trait: Condition }
  | { readonly computed: Condition }
  | { readonly consent: { readonly purpose: string; readonly granted: boolean } }
  | { readonly segment: string }
  | { readonly prediction: { readonly model: string; readonly atLeast: number } }
  | { readonly seen: { readonly firstWithin: string } };

/**
 * "Did the event at least N times within W". Exact to the millisecond: an event counts in [its time, its time + W).
 * With `per` (a dotted path, for example `product_id`) the N must share one value of it; the 50 × N newest matching events
 * are looked at, at most 300.
 */
export interface DidRule extends EventFilter {
  /** Default 1, at most 100. */
  readonly atLeast?: number;
  /** Absent: ever. */
  readonly within?: string;
  readonly per?: string;
}

export interface SegmentDefinition {
  readonly name: string;
  readonly title: string;
  readonly when: SegmentRule;
}

export interface VariantDefinition {
  readonly name: string;
  /** Default 1. */
  readonly weight?: number;
  /** Channel content: on-site `{headline, body, url}`; email `{subject, text, html}`; webhook: any. Liquid templates over `{profile, items, link}`. */
  readonly content: Readonly<Record<string, string>>;
}

export interface CapDefinition {
  /** How many at most. */
  readonly max: number;
  /** Per rolling window ("1d") in absolute time, or per calendar day in the person's time zone ("calendar_day"). */
  readonly per: string;
}

export interface TacticDefinition {
  readonly name: string;
  readonly title: string;
  /** Who: a segment's name. */
  readonly segment: string;
  /** On-site: the placement it competes for. A journey's tactic has none. */
  readonly placement?: string;
  /** `on_site`, `email`, `webhook`. */
  readonly channel: string;
  /** Higher goes first among those with equal model score. Default 0. */
  readonly priority?: number;
  /** Consent purpose that is needed; absent: none. */
  readonly consent?: string;
  /** Ranks by this model's score in place of priority alone. */
  readonly rankBy?: string;
  readonly variants: readonly VariantDefinition[];
  readonly items?: {
    /** How many recommended items go with it. */
    readonly limit: number;
    readonly category?: string;
    /** Leaves out what was bought in this time. */
    readonly excludeBoughtWithin?: string;
  };
  /** Not to people who did this in this time. */
  readonly suppressIf?: { readonly event: string; readonly within: string };
  readonly schedule?: { readonly from?: string; readonly to?: string };
  readonly caps?: readonly CapDefinition[];
  /** Share of people from whom it is withheld to measure it. Default: the playbook's. */
  readonly holdout?: number;
  readonly goal: {
    /** Track event that counts. */
    readonly event: string;
    /** `count`: how many per person; `sum`: of a property. */
    readonly metric: 'count' | 'sum';
    readonly property?: string;
    /** After the first time that the person qualified. */
    readonly within: string;
    /** The lift per person that would make it worth it. */
    readonly target: number;
  };
}

export interface JourneyStep {
  readonly name: string;
  /** Waits this long ("1h") before doing. Default 0s. */
  readonly wait?: string;
  /** The tactic to send; its segment must still hold unless `ignoreSegment`. */
  readonly send: string;
  readonly ignoreSegment?: boolean;
}

export interface JourneyDefinition {
  readonly name: string;
  readonly title: string;
  readonly version: number;
  /** Starts on an event, or on entering a segment. */
  readonly start: { readonly event: string } | { readonly segment: string };
  /** Any of these events ends it at once, also in the middle of a wait. */
  readonly exitOn?: readonly string[];
  readonly steps: readonly JourneyStep[];
  /** May start again this long after the last start; absent: never. */
  readonly reentryAfter?: string;
}

export interface PlacementDefinition {
  readonly name: string;
  readonly title?: string;
  /** Shown to people for whom no tactic is chosen; absent: nothing. */
  readonly fallback?: Readonly<Record<string, string>>;
}

export interface IdentityRules {
  /** At most this many identifiers of a type in one person. Defaults: user_id 1, email 5, anonymous_id 100, others 5. */
  readonly limits?: Readonly<Record<string, number>>;
  /** Types from strongest to weakest. Default user_id, email, external ids, anonymous_id. */
  readonly priorities?: readonly string[];
  /** Values that are nobody; added to the built-in ones. */
  readonly blockedValues?: readonly string[];
  /** Regular expressions of values that are nobody. */
  readonly blockedPatterns?: readonly string[];
}

export interface ChannelDefinition {
  readonly name: string;
  readonly kind: 'on_site' | 'email' | 'webhook';
  /** email: the From address; webhook: `url` and the environment variable that holds the secret. */
  readonly options?: Readonly<Record<string, string>>;
  /** Over all tactics of the channel. */
  readonly caps?: readonly CapDefinition[];
}

export interface TrackingPlanEvent {
  readonly event: string;
  /** JSON Schema of `properties`. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** All definitions of a deployment, checked against each other. */
export interface Playbook {
  readonly name: string;
  /** Digest of the definitions: what ran. */
  readonly version: string;
  readonly holdout: number;
  readonly identity: IdentityRules;
  readonly trackingPlan: readonly TrackingPlanEvent[];
  readonly computedTraits: readonly ComputedTraitDefinition[];
  readonly segments: readonly SegmentDefinition[];
  readonly tactics: readonly TacticDefinition[];
  readonly journeys: readonly JourneyDefinition[];
  readonly placements: readonly PlacementDefinition[];
  readonly channels: readonly ChannelDefinition[];
}
