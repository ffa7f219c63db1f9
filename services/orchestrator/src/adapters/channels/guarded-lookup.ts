import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP } from 'node:net';

/** Networks that are not the public Internet (IANA special-purpose registries), where a webhook must not be led. */
const inward = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  inward.addSubnet(net, prefix, 'ipv4');
}
for (const [net, prefix] of [
  ['::', 128],
  ['::1', 128],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  inward.addSubnet(net, prefix, 'ipv6');
}

/** Whether an IP address leads inward; IPv4 written as IPv6 counts as the IPv4 that it is. */
export function isInward(address: string): boolean {
  const family = isIP(address);
  return family === 0 || inward.check(address, family === 4 ? 'ipv4' : 'ipv6');
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
