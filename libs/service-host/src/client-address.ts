import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';

const mappedIpv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
/** `1.2.3.4:5678` and `[fe80::1%eth0]:5678`, as gRPC and some proxies write the address with its port. */
const withPort = /^(?:(\d+\.\d+\.\d+\.\d+)|\[([\da-f:.]+(?:%[^\]]+)?)\]):\d+$/i;

/**
 * The address that a request comes from: that of its connection, or, where the connection is a proxy's that
 * RAPPORT_TRUSTED_PROXIES names, the nearest address in X-Forwarded-For that is no such proxy's. What is no address
 * counts as the proxy's own. Empty when the connection has gone already.
 */
export function clientAddress(request: Pick<FastifyRequest, 'ip' | 'socket'>): string {
  const own = request.socket.remoteAddress ?? '';
  const named = request.ip ?? '';
  if (named === own) return plain(own);
  const address = withoutPort(named);
  return plain(isIP(address) === 0 ? own : address);
}

/** The address of a gRPC peer: `127.0.0.1:5000`, `ipv6:[::1]:5000`; what is none, as it is. */
export const addressOfPeer = (peer: string): string => plain(withoutPort(peer.replace(/^ipv[46]:/, '')));

function withoutPort(address: string): string {
  const ported = withPort.exec(address);
  return ported?.[1] ?? ported?.[2] ?? address;
}

const plain = (address: string): string => mappedIpv4.exec(address)?.[1] ?? address.toLowerCase();

/**
 * What counts as one client where clients are counted: an IPv4 address; of IPv6 the network of 64 bits, of which a
 * single client has all addresses.
 */
export function addressGroup(address: string): string {
  if (isIP(address) !== 6) return address;
  const [whole = ''] = address.split('%');
  const [head = '', tail] = whole.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const absent = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after.length);
  const all = [...groups, ...Array.from({ length: absent }, () => '0'), ...after];
  return `${all
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

const ranges: ReadonlySet<string> = new Set(['loopback', 'linklocal', 'uniquelocal']);

/** What is wrong with an entry of RAPPORT_TRUSTED_PROXIES; undefined when it is an address, a network, or a named range. */
export function proxyProblem(entry: string): string | undefined {
  if (ranges.has(entry)) return undefined;
  const [address = '', bits, ...rest] = entry.split('/');
  const most = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0;
  const isFine =
    most > 0 &&
    rest.length === 0 &&
    (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= most));
  return isFine
    ? undefined
    : `RAPPORT_TRUSTED_PROXIES: expected addresses (10.0.0.5), networks (10.0.0.0/8), loopback, linklocal or uniquelocal, comma between; got ${JSON.stringify(entry.slice(0, 60))}`;
}
