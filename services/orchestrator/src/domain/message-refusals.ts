import type { Person } from './person.js';
import type { Tactic } from './tactics.js';

/** Why a message is no longer wanted. */
export interface Refusal {
  readonly reason:
    'person_unknown' | 'tactic_unknown' | 'no_consent' | 'suppressed' | 'address_gone' | 'capped';
  /** In words. */
  readonly detail: string;
}

/** The consent that the tactic asks for, as it is now. */
export function refusalByConsent(tactic: Tactic, { consent }: Person): Refusal | undefined {
  const purpose = tactic.definition.consent;
  if (purpose === undefined || consent[purpose] === true) return undefined;
  const said = consent[purpose] === false ? 'was taken back' : 'is not given';
  return { reason: 'no_consent', detail: `consent to ${purpose} ${said}` };
}

const written = (address: string): string => address.trim().toLowerCase();

/** A mail goes to the address that it was made for, while that is still one of the person's; never to another. */
export function refusalByAddress(tactic: Tactic, person: Person, to: string): Refusal | undefined {
  if (tactic.channelKind !== 'email') return undefined;
  const said = person.traits['email']?.value;
  const addresses = [
    ...(typeof said === 'string' ? [said] : []),
    ...person.identifiers.filter((one) => one.startsWith('email:')).map((one) => one.slice('email:'.length)),
  ];
  if (addresses.map(written).includes(written(to))) return undefined;
  return { reason: 'address_gone', detail: 'the address is no longer one of the person’s' };
}
