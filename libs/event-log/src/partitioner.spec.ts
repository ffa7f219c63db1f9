import { createRequire } from 'node:module';
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { murmur2, partitionOfKey } from './partitioner.js';

// The vectors of Kafka's own test (UtilsTest.testMurmur2).
it.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('hashes %s as Kafka does', (key, hash) => expect(murmur2(key)).toBe(hash));

it('agrees with the Kafka client for every key', () => {
  const load = createRequire(import.meta.url);
  const client = load('kafkajs/src/producer/partitioners/default/murmur2.js') as (key: string) => number;
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.integer({ min: 1, max: 64 }),
      (key, partitions) => {
        expect(murmur2(key)).toBe(client(key));
        expect(partitionOfKey(key, partitions)).toBe((client(key) & 0x7fffffff) % partitions);
      },
    ),
    { numRuns: 500 },
  );
});
