import { describe, expect, it } from '@jest/globals';
import { aheadOfBatches, mapInTurns, nextTurn, requestsFirst, takeTurn } from './turns.js';

const busyFor = (ms: number): void => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

/** How often timers and sockets are looked at while work is under way. */
async function looksDuring(work: Promise<unknown>): Promise<number> {
  let looks = 0;
  let over = false;
  const look = (): void => {
    looks++;
    if (!over) setImmediate(look);
  };
  setImmediate(look);
  await work;
  over = true;
  return looks;
}

describe('turns of the event loop', () => {
  it('keep the order of the inputs', async () => {
    const doubled = await mapInTurns(
      Array.from({ length: 100 }, (_, n) => n),
      (n) => (busyFor(0.2), n * 2),
    );
    expect(doubled).toEqual(Array.from({ length: 100 }, (_, n) => n * 2));
  });

  it('let sockets and timers be looked at, however many work at the same time', async () => {
    const pieces = Array.from({ length: 50 }, () => 1);
    const work = Promise.all(Array.from({ length: 8 }, () => mapInTurns(pieces, busyFor)));
    // 400 pieces of a millisecond; without turns nothing would be looked at before the end.
    expect(await looksDuring(work)).toBeGreaterThan(50);
  });

  it('give each who waits a turn, first come first served', async () => {
    const order: number[] = [];
    await Promise.all(Array.from({ length: 5 }, (_, n) => nextTurn().then(() => order.push(n))));
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  it('cost nothing while there is time left', async () => {
    await nextTurn();
    await new Promise((resolve) => setImmediate(resolve));
    expect(takeTurn()).toBeUndefined();
  });
});

describe('batches beside requests', () => {
  const ends: (() => void)[] = [];
  const request = (): Promise<void> =>
    aheadOfBatches(() => new Promise<void>((resolve) => ends.push(resolve)));

  it('wait until the requests that are under way have ended', async () => {
    expect(requestsFirst()).toBeUndefined();
    const [first, second] = [request(), request()];
    let mayBegin = false;
    const held = requestsFirst()?.then(() => (mayBegin = true));
    ends.shift()?.();
    await first;
    await new Promise((resolve) => setImmediate(resolve));
    expect(mayBegin).toBe(false);
    ends.shift()?.();
    await Promise.all([second, held]);
    expect(mayBegin).toBe(true);
  });

  it('begin after 10 ms however many requests there are', async () => {
    const requests = Array.from({ length: 5 }, request);
    const began = performance.now();
    await requestsFirst();
    expect(performance.now() - began).toBeGreaterThan(8);
    for (const end of ends.splice(0)) end();
    await Promise.all(requests);
  });

  it('begin at once after requests that failed', async () => {
    const failed = Array.from({ length: 3 }, () => aheadOfBatches(() => Promise.reject(new Error('no'))));
    await Promise.allSettled(failed);
    expect(requestsFirst()).toBeUndefined();
  });
});
