import type { Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPlatform, type TestPlatform } from '@rapport/testing';
import { hold, waysToHold } from './strangers.js';

const publicKey = 'public-key';
const bodyTimeoutMs = 2_000;
const ways = waysToHold(publicKey);

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform({
    environment: {
      RAPPORT_WRITE_KEYS: `shop:server=test-write-key,web:browser=${publicKey}`,
      RAPPORT_INGESTION_BODY_TIMEOUT: `${bodyTimeoutMs}ms`,
      RAPPORT_HTTP_MAX_CONNECTIONS: '600',
    },
  });
}, 60_000);
afterAll(() => platform.stop());

const inFlight = async (): Promise<number> =>
  Number(
    /^rapport_ingestion_in_flight_bytes (\d+)/m.exec(await (await fetch(platform.metricsUrl)).text())?.[1],
  );

describe('strangers at the front door, at length', () => {
  it('shut out nobody who has a key, whatever mix they hold open, dribble into and tear down', async () => {
    const stranger = fc.record({
      way: fc.constantFrom(...Object.keys(ways)),
      count: fc.integer({ min: 1, max: 120 }),
      then: fc.constantFrom('holds', 'dribbles', 'goes'),
    });
    const { port } = new URL(platform.httpUrl);
    await fc.assert(
      fc.asyncProperty(fc.array(stranger, { minLength: 1, maxLength: 12 }), async (strangers) => {
        const sockets: Socket[] = [];
        for (const { way, count, then } of strangers) {
          const held = await Promise.all(
            Array.from({ length: count }, () => hold(Number(port), ways[way] ?? '')),
          );
          sockets.push(...held);
          if (then === 'dribbles') for (const socket of held) socket.write(' ');
          if (then === 'goes') for (const socket of held) socket.destroy();
        }
        const answers = await Promise.all(
          Array.from({ length: 60 }, (_, number) =>
            platform.send([
              {
                type: 'track',
                userId: `innocent-${number}`,
                event: 'x',
                properties: { note: 'x'.repeat(8_000) },
              },
            ]),
          ),
        );
        for (const socket of sockets) socket.destroy();
        expect(answers.map(({ status }) => status).filter((status) => status !== 200)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  }, 300_000);

  it('are let go when the time of their bodies is over, with all the room that they had', async () => {
    const { port } = new URL(platform.httpUrl);
    const until = async (isSo: (bytes: number) => boolean, withinMs: number): Promise<void> => {
      const deadline = performance.now() + withinMs;
      while (!isSo(await inFlight()) && performance.now() < deadline)
        await new Promise((resolve) => setTimeout(resolve, 50));
      expect(isSo(await inFlight())).toBe(true);
    };
    await until((bytes) => bytes === 0, 4 * bodyTimeoutMs);
    const sockets = await Promise.all(
      Object.values(ways)
        .flatMap((way) => Array.from({ length: 20 }, () => way))
        .map((way) => hold(Number(port), way)),
    );
    const dribble = setInterval(() => sockets.forEach((socket) => socket.writable && socket.write(' ')), 200);
    try {
      await until((bytes) => bytes > 0, bodyTimeoutMs);
      await until((bytes) => bytes === 0, 4 * bodyTimeoutMs);
    } finally {
      clearInterval(dribble);
      for (const socket of sockets) socket.destroy();
    }
  }, 60_000);
});
