import { describe, expect, it } from '@jest/globals';
import ipaddr from 'ipaddr.js';
import { isInward } from './guarded-lookup.js';

type Net = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];
const rangesOf = (kind: typeof ipaddr.IPv4 | typeof ipaddr.IPv6): readonly [string, readonly Net[]][] =>
  Object.entries(
    (kind.prototype as unknown as { SpecialRanges: Record<string, Net | readonly Net[]> }).SpecialRanges,
  ).map(([name, nets]) => [name, Array.isArray(nets[0]) ? (nets as readonly Net[]) : [nets as Net]]);

/** The first and the last address of a net. */
function endsOf([address, prefix]: Net): readonly string[] {
  const first = address.toByteArray();
  const last = first.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, prefix - index * 8));
    return byte | (0xff >> bits);
  });
  return [first, last].map((bytes) => ipaddr.fromByteArray(bytes).toString());
}

describe('addresses that lead inward', () => {
  const all = [...rangesOf(ipaddr.IPv4), ...rangesOf(ipaddr.IPv6)];

  it.each(all)('are those of %s, from the first to the last', (_, nets) => {
    expect(nets.flatMap(endsOf).filter((address) => !isInward(address))).toEqual([]);
  });

  it.each([
    ['this host and network', '0.0.0.0', '0.1.2.3'],
    ['loopback', '127.0.0.1', '127.255.255.255', '::1'],
    ['private', '10.1.2.3', '172.16.0.1', '192.168.0.1', 'fd00::1', 'fc00::1'],
    ['shared by carriers', '100.64.0.1', '100.127.255.255'],
    ['link-local, where clouds keep credentials', '169.254.169.254', 'fe80::1', 'fe80::1%eth0'],
    [
      'protocol assignments, benchmarks, documentation',
      '192.0.0.1',
      '198.18.0.1',
      '192.0.2.1',
      '2001:db8::1',
      '3fff::1',
    ],
    ['multicast, reserved, broadcast', '224.0.0.1', '240.0.0.1', '255.255.255.255', 'ff02::1'],
    [
      'IPv4 inside IPv6',
      '::ffff:10.0.0.1',
      '::ffff:8.8.8.8',
      '::127.0.0.1',
      '64:ff9b::a00:1',
      '64:ff9b:1::1',
    ],
    ['tunnels', '2002:a00:1::1', '2001::1'],
    ['given up', 'fec0::1', '192.88.99.1', '2001:10::1'],
    ['no address', 'x', '', '1.2.3.4.5', '1.1.1.1/8'],
  ])('are %s', (_, ...addresses) => {
    expect(addresses.filter((address) => !isInward(address))).toEqual([]);
  });

  it('are not those of the public Internet', () => {
    expect(
      ['1.1.1.1', '8.8.8.8', '100.63.255.255', '172.32.0.1', '2606:4700::1111', '2a00::1'].filter(isInward),
    ).toEqual([]);
  });
});
