import type { JsonValue, TraitValue } from '@rapport/contracts';
import type { ProfileId } from '@rapport/kernel';

/** What a decision needs to know about a person. */
export interface Person {
  readonly profileId: ProfileId;
  /** Version of the profile that this was read from. */
  readonly version: number;
  readonly identifiers: readonly string[];
  readonly traits: Readonly<Record<string, TraitValue>>;
  /** Names of traits that were said and taken back. */
  readonly removedTraits: ReadonlySet<string>;
  readonly computedTraits: Readonly<Record<string, JsonValue>>;
  /** Names of the segments that hold. */
  readonly segments: ReadonlySet<string>;
  /** By purpose; a purpose that is absent counts as no. */
  readonly consent: Readonly<Record<string, boolean>>;
  /** By purpose: when the person chose what `consent` says; absent where events only carried the state of a device. */
  readonly chosenAtMs: Readonly<Record<string, number>>;
  /** IANA name; UTC where it is not known. */
  readonly timezone: string;
}

/** How an event names somebody: the account, else a device, else the address. */
export function namesOf(identifiers: readonly string[]): {
  readonly userId: string;
  readonly anonymousId: string;
  readonly traits: Readonly<Record<string, string>>;
} {
  const valueOf = (type: string): string =>
    identifiers.find((one) => one.startsWith(`${type}:`))?.slice(type.length + 1) ?? '';
  const userId = valueOf('user_id');
  const anonymousId = userId === '' ? valueOf('anonymous_id') : '';
  const email = valueOf('email');
  return { userId, anonymousId, traits: email === '' ? {} : { email } };
}
