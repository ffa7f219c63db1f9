import { isMailAddress, mailboxOf } from './mail-address.js';
import type { Person } from './person.js';

/** Where a person's mail goes, or why it cannot be sent. */
export type MailReach = { readonly address: string } | { readonly why: string };

/**
 * The trait `email`, once it was said, is the person's word: the newest one holds, also when it takes the address back.
 * Only where nobody ever said it does an address that identifies the person stand in.
 */
export function mailReachOf(person: Person): MailReach {
  if (person.removedTraits.has('email')) return { why: 'the e-mail address was taken back' };
  const said = person.traits['email'];
  if (said !== undefined) return reachBy(said.value);
  const known = addressesIn(person.identifiers);
  const [first] = known;
  if (first === undefined) return { why: 'no e-mail address is known' };
  return reachBy(known.find(isMailAddress) ?? first);
}

/** The address that mail to a person goes to; undefined where there is none. */
export function mailAddressOf(person: Person): string | undefined {
  const reach = mailReachOf(person);
  return 'address' in reach ? reach.address : undefined;
}

function reachBy(value: unknown): MailReach {
  const address = typeof value === 'string' ? value.trim() : undefined;
  if (address === '') return { why: 'the e-mail address was taken back' };
  return address !== undefined && isMailAddress(address)
    ? { address }
    : { why: 'what stands as e-mail address is not one valid address' };
}

const addressesIn = (identifiers: readonly string[]): readonly string[] =>
  identifiers.flatMap((one) => (one.startsWith('email:') ? [one.slice('email:'.length)] : []));

/** Every mailbox that is somebody's by what is known now, each in its one spelling. */
export function mailboxesOf(
  identifiers: readonly string[],
  traits: Readonly<Record<string, { readonly value: unknown }>>,
): readonly string[] {
  const said = traits['email']?.value;
  const all = [...addressesIn(identifiers), ...(typeof said === 'string' ? [said.trim()] : [])];
  return [...new Set(all.filter(isMailAddress).map(mailboxOf))];
}
