import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import ipaddr from 'ipaddr.js';

/**
 * Whether an IP address leads inward, that is anywhere but to one host of the public Internet: every range of the IANA
 * special-purpose registries, as `ipaddr.js` keeps them, IPv4 inside IPv6 (mapped, NAT64, 6to4, Teredo) among them.
 * What cannot be read as an address counts as inward.
 */
export function isInward(address: string): boolean {
  // A zone (`fe80::1%eth0`) says which link, and no public address has one.
  return !ipaddr.isValid(address) || address.includes('%') || ipaddr.parse(address).range() !== 'unicast';
}

type Answer = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/**
 * Resolves a host for one connection and refuses it when any of its addresses leads inward. The address that was
 * checked is the one that is connected to, so a name cannot change its mind in between.
 */
export function guardedLookup(hostname: string, options: LookupOptions, answer: Answer): void {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) {
      answer(error, []);
      return;
    }
    const [first] = addresses;
    if (first === undefined || addresses.some(({ address }) => isInward(address))) {
      answer(
        new Error(`${hostname} leads to a private address; RAPPORT_WEBHOOK_PRIVATE_ADDRESSES allows that`),
        [],
      );
    } else if (options.all === true) answer(null, addresses);
    else answer(null, first.address, first.family);
  });
}
