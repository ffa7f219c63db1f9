import type { Identifier, Origin } from '@rapport/kernel';
import { foldConsents, mergeConsents, outweighs, type ConsentEntry } from './consents.js';
import type { ProfileEvent } from './profile-event.js';
import { foldTraits, isNewerTrait, mergeTraits, type TraitEntry } from './traits.js';

/**
 * What browser keys said about one origin, kept beside what server keys said: anybody can say anything with a browser
 * key, so which of the two holds is decided when both are read, whatever came first (docs/adr/0017).
 */
export interface BrowserClaims {
  traits: TraitEntry[];
  /** Only of a device about itself. */
  grants: ConsentEntry[];
  withdrawals: ConsentEntry[];
  /** The strongest of the withdrawals that were too many to be kept: it stands for every purpose, so that none is unheard. */
  anyWithdrawal?: ConsentEntry;
}

/** An origin as far as it matters who said what. */
export interface SaidOfOrigin {
  readonly traits: readonly TraitEntry[];
  readonly consents: readonly ConsentEntry[];
  readonly browser?: BrowserClaims;
}

/** Traits that messages are sent to: a browser key's counts only while nobody better has said one. */
const addressTraits: ReadonlySet<string> = new Set(['email']);

export const noClaims = (): BrowserClaims => ({ traits: [], grants: [], withdrawals: [] });

/** Notes what an event of a browser key says; answers what changed. */
export function foldClaims(
  claims: BrowserClaims,
  origin: Origin,
  event: ProfileEvent,
): { readonly traits: boolean; readonly consents: boolean } {
  const isDevice = origin.startsWith('anonymous_id:');
  const granted = foldConsents(claims.grants, event, { isHeard: (granted) => granted && isDevice });
  const withdrawn = foldConsents(claims.withdrawals, event, {
    isHeard: (granted) => !granted,
    onDropped: (entry) => void (claims.anyWithdrawal = stronger(claims.anyWithdrawal, entry)),
  });
  return { traits: foldTraits(claims.traits, event), consents: granted || withdrawn };
}

const stronger = (known: ConsentEntry | undefined, entry: ConsentEntry): ConsentEntry =>
  known === undefined || outweighs(entry, known) ? entry : known;

const claimsOf = (origins: readonly SaidOfOrigin[]): readonly BrowserClaims[] =>
  origins.flatMap(({ browser }) => (browser === undefined ? [] : [browser]));

/** The traits of a person; `members` are all of the person's identifiers. */
export function traitsOf(
  origins: readonly SaidOfOrigin[],
  members: Iterable<Identifier>,
): readonly TraitEntry[] {
  const said = mergeTraits(origins.map(({ traits }) => traits));
  const claims = claimsOf(origins);
  if (claims.length === 0) return said;
  const merged = new Map(said.map((entry) => [entry[0], entry]));
  // Browser keys name nobody by an address: who has one as an identifier has it from a server.
  const isReachable = [...members].some((member) => member.startsWith('email:'));
  for (const entry of mergeTraits(claims.map(({ traits }) => traits))) {
    const [name] = entry;
    const known = merged.get(name);
    const counts = addressTraits.has(name)
      ? known === undefined && !isReachable
      : known === undefined || isNewerTrait(entry, known);
    if (counts) merged.set(name, entry);
  }
  return [...merged.values()];
}

/**
 * Whether a server says what the person consents to: the person has an account, or an identifier from elsewhere that a
 * browser key may have named, and servers told of the same person.
 */
function isSpokenFor(origins: readonly SaidOfOrigin[], members: readonly Identifier[]): boolean {
  if (members.some((member) => member.startsWith('user_id:'))) return true;
  const isOfDevice = (member: Identifier): boolean =>
    member.startsWith('anonymous_id:') || member.startsWith('email:');
  if (members.every(isOfDevice)) return false;
  return (
    members.some((member) => member.startsWith('email:')) ||
    origins.some(({ traits, consents }) => traits.length > 0 || consents.length > 0)
  );
}

/** Carried, not chosen: nobody vouches for whose word it was, so it lifts no mailbox's refusal. */
const unvouched = ([purpose, granted, , source, atMs, messageId]: ConsentEntry): ConsentEntry => [
  purpose,
  granted,
  0,
  source,
  atMs,
  messageId,
];

/**
 * The consents of a person. A browser key's withdrawal counts like any other. Its grant counts for people who are
 * nothing but devices, and for purposes about which no server key has spoken.
 */
export function consentsOf(
  origins: readonly SaidOfOrigin[],
  members: Iterable<Identifier>,
): readonly ConsentEntry[] {
  const said = mergeConsents(origins.map(({ consents }) => consents));
  const claims = claimsOf(origins);
  if (claims.length === 0) return said;
  let any: ConsentEntry | undefined;
  for (const { anyWithdrawal } of claims) if (anyWithdrawal !== undefined) any = stronger(any, anyWithdrawal);
  const withdrawals = new Map(
    mergeConsents(
      claims.map((one) => one.withdrawals),
      (entry) => void (any = stronger(any, entry)),
    ).map((entry) => [entry[0], entry]),
  );
  const grants = isSpokenFor(origins, [...members]) ? [] : mergeConsents(claims.map((one) => one.grants));
  const merged = new Map(said.map((entry) => [entry[0], entry]));
  for (const grant of grants) if (!merged.has(grant[0])) merged.set(grant[0], grant);
  for (const [purpose, withdrawal] of withdrawals) {
    const known = merged.get(purpose);
    if (known === undefined || outweighs(withdrawal, known)) merged.set(purpose, withdrawal);
  }
  if (any !== undefined) {
    for (const [purpose, known] of merged)
      if (known[1] && outweighs(any, known)) merged.set(purpose, [purpose, ...any.slice(1)] as ConsentEntry);
  }
  return [...merged.values()].map((entry) => (grants.includes(entry) ? unvouched(entry) : entry));
}
