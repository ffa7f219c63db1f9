import { Readable } from 'node:stream';
import { deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BodyBudget } from './body-budget.js';
import { BodyReader, HeldBytes, maxBodyBytes } from './read-body.js';

const encodings = {
  identity: (bytes: Buffer) => bytes,
  gzip: (bytes: Buffer) => gzipSync(bytes),
  deflate: (bytes: Buffer) => deflateSync(bytes),
} as const;

/** The longest that the event loop stood while work was under way. */
async function longestStandMs(work: Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  let isOver = false;
  const look = (): void => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
    if (!isOver) setImmediate(look);
  };
  setImmediate(look);
  await work;
  isOver = true;
  return longest;
}

describe('bodies', () => {
  it('come out as they went in, whatever their pieces and encoding, and hold nothing when over', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.constantFrom('identity', 'gzip', 'deflate'),
        async (pieces, encoding) => {
          const budget = new BodyBudget(1 << 20);
          const held = new HeldBytes(budget);
          const whole = Buffer.concat(pieces);
          const sent = encodings[encoding](whole);
          const cut = [sent.subarray(0, sent.length >> 1), sent.subarray(sent.length >> 1)];
          const stream = Readable.from(cut.filter(({ length }) => length > 0));
          const read = await new BodyReader().read(stream, encoding, 4096, held);
          expect(read.equals(whole)).toBe(true);
          expect(budget.held()).toBe(whole.byteLength);
          held.end();
          expect(budget.held()).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('that their client breaks off are refused as its own affair', async () => {
    for (const encoding of Object.keys(encodings)) {
      const broken = new Readable({ read: () => undefined });
      broken.push(Buffer.from('{"inputs":'));
      setImmediate(() => broken.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' })));
      const held = new HeldBytes(new BodyBudget(1 << 20));
      await expect(new BodyReader().read(broken, encoding, 4096, held)).rejects.toMatchObject({
        code: 'MODELS_INPUT_INVALID',
        status: 'invalid',
      });
    }
  });

  it('that are too large are refused when they are, as sent and inflated, not when they have come whole', async () => {
    for (const [encoding, encode] of Object.entries(encodings)) {
      const budget = new BodyBudget(1 << 20);
      const held = new HeldBytes(budget);
      const endless = Readable.from(
        (function* () {
          for (let piece = 0; piece < 1000; piece++) yield Buffer.alloc(1 << 16);
          throw new Error('was read on');
        })(),
      );
      const stream = encoding === 'identity' ? endless : Readable.from([encode(Buffer.alloc(8 << 20))]);
      await expect(new BodyReader().read(stream, encoding, 1 << 17, held)).rejects.toMatchObject({
        code: 'MODELS_TOO_LARGE',
        status: 'too_large',
      });
      held.end();
      expect(budget.held()).toBe(0);
    }
  });

  it('beyond what all may hold together are told to come later, and there is room again afterwards', async () => {
    const budget = new BodyBudget(1000);
    const first = new HeldBytes(budget);
    const reader = new BodyReader();
    const read = (held: HeldBytes) => reader.read(Readable.from([Buffer.alloc(600)]), 'identity', 4096, held);
    await read(first);
    const second = new HeldBytes(budget);
    await expect(read(second)).rejects.toMatchObject({ code: 'MODELS_BUSY', status: 'exhausted' });
    second.end();
    first.end();
    await read(new HeldBytes(budget));
    await expect(read(first)).rejects.toThrow('the client has gone');
    expect(budget.held()).toBe(600);
  });

  it('a thousand times as large as what came leave the event loop to others while they are inflated', async () => {
    const bytes = maxBodyBytes >> 2;
    const bomb = gzipSync(Buffer.alloc(bytes, ' '));
    const reader = new BodyReader();
    const budget = new BodyBudget(512 << 20);
    const work = Array.from({ length: 3 }, async () => {
      const held = new HeldBytes(budget);
      const whole = await reader.read(Readable.from([bomb]), 'gzip', maxBodyBytes, held);
      expect(whole.byteLength).toBe(bytes);
      held.end();
    });
    const began = performance.now();
    const standMs = await longestStandMs(Promise.all(work));
    // As a share of the work, so that a slow machine says the same.
    expect(standMs).toBeLessThan((performance.now() - began) / 4);
  });
});
