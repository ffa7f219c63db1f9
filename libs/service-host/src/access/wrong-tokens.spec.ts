import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addressOfPeer } from '../client-address.js';
import { WrongTokens } from './wrong-tokens.js';

describe('wrong tokens of an address', () => {
  it('are told plainly ten times, then slowed down twice as long each time, up to a minute', () => {
    let nowMs = 0;
    const wrong = new WrongTokens(() => nowMs);
    for (let tries = 0; tries < 10; tries++) expect(wrong.note('10.0.0.1').waitS).toBe(0);
    const waits: number[] = [];
    for (let tries = 0; tries < 9; tries++) {
      const { waitS } = wrong.note('10.0.0.1');
      waits.push(waitS);
      expect(wrong.note('10.0.0.1')).toEqual({ waitS, quiet: true });
      nowMs += waitS * 1000;
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    expect(wrong.note('10.0.0.2').waitS).toBe(0);
    nowMs += 600_001;
    expect(wrong.note('10.0.0.1').waitS).toBe(0);
  });

  it('take bounded memory, whoever sends them', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { maxLength: 200 }), (addresses) => {
        const wrong = new WrongTokens(() => 0, 20);
        for (const address of addresses) {
          wrong.note(address);
          expect(wrong.size).toBeLessThanOrEqual(20);
        }
      }),
    );
  });

  it('are known by the address of a gRPC peer without its port', () => {
    expect(addressOfPeer('127.0.0.1:5000')).toBe('127.0.0.1');
    expect(addressOfPeer('[2001:db8::1]:5000')).toBe('2001:db8::1');
    expect(addressOfPeer('ipv6:[::1]:5000')).toBe('::1');
    expect(addressOfPeer('[::ffff:10.0.0.1]:5000')).toBe('10.0.0.1');
    expect(addressOfPeer('[fe80::1%eth0]:5000')).toBe('fe80::1%eth0');
    expect(addressOfPeer('unknown')).toBe('unknown');
  });
});
