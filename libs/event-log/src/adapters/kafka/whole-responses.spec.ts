import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { WholeResponses } from './whole-responses.js';

const framed = (body: Uint8Array): Buffer => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
};

describe('what a broker sends, cut where responses end', () => {
  it('hands on every byte once, in order, and nothing before its response is whole', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        (bodies, cuts) => {
          const sent = Buffer.concat(bodies.map(framed));
          const ends = new Set([0]);
          let end = 0;
          for (const body of bodies) ends.add((end += 4 + body.length));

          const responses = new WholeResponses();
          const got: Buffer[] = [];
          for (let at = 0, n = 0; at < sent.length; n++) {
            const size = cuts[n % cuts.length] ?? 1;
            const whole = responses.add(sent.subarray(at, at + size));
            at = Math.min(sent.length, at + size);
            if (whole !== undefined) got.push(whole);
            const handed = Buffer.concat(got).length;
            // As far as whole responses have come, and no farther.
            expect(handed).toBe(Math.max(...[...ends].filter((each) => each <= at)));
          }
          expect(Buffer.concat(got).equals(sent)).toBe(true);
        },
      ),
    );
  });

  it('refuses what has no length: another protocol answers there', () => {
    expect(() => new WholeResponses().add(Buffer.from([0xff, 0xff, 0xff, 0xfb]))).toThrow(
      'expected the length of a response, got -5',
    );
  });
});
