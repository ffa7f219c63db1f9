import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { freePorts, startMongo, startTcpProxy, type LocalMongo, type TcpProxy } from '@rapport/local-engines';
import type { Collection, DocumentStore } from '../document-store.js';
import { openMongoDocumentStore } from './mongo-document-store.js';

interface Counter {
  readonly value: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe.each([true, false])(
  'MongoDB document store when things go wrong (bulkWrite command: %s)',
  (bulkWriteCommand) => {
    let mongo: LocalMongo;
    let proxy: TcpProxy;
    let store: DocumentStore;
    let counters: Collection<Counter>;
    let run = 0;
    let uri = '';

    beforeAll(async () => {
      mongo = await startMongo();
      proxy = await startTcpProxy(() => mongo.port);
      uri = `mongodb://127.0.0.1:${proxy.port}/?directConnection=true`;
    }, 180_000);
    afterAll(async () => {
      await proxy.close();
      await mongo.dispose();
    });
    beforeEach(async () => {
      proxy.thaw();
      proxy.accept();
      proxy.slow(0);
      store = await openMongoDocumentStore({
        uri,
        database: `faults-${run++}`,
        bulkWriteCommand,
        serverTimeoutMs: 20_000,
        answerTimeoutMs: 3_000,
      });
      counters = await store.collection<Counter>({ name: 'counters' });
    });
    afterEach(() => store.close());

    const ids = Array.from({ length: 6 }, (_, n) => `counter-${n}`);
    /** Several workers add to the same counters until told to stop, each addition a compare-and-set. */
    const countAlong = (): { won: () => number; stop: () => Promise<void> } => {
      let running = true;
      const won = new Map(ids.map((id) => [id, 0]));
      const unknown = new Map(ids.map((id) => [id, 0]));
      const workers = Array.from({ length: 3 }, async (_, worker) => {
        const mine = ids.filter((__, n) => n % 2 === worker % 2 || worker === 2);
        while (running) {
          try {
            const current = await counters.getMany(mine);
            const results = await counters.write(
              mine.map((id, at) => ({
                id,
                doc: { value: (current[at]?.doc.value ?? 0) + 1 },
                expectedVersion: current[at]?.version ?? 0,
              })),
            );
            results.forEach((result, at) => {
              const id = mine[at] ?? '';
              if (result.kind === 'written') won.set(id, (won.get(id) ?? 0) + 1);
            });
          } catch {
            // Told honestly that nobody knows: each of these may have counted once.
            for (const id of mine) unknown.set(id, (unknown.get(id) ?? 0) + 1);
          }
        }
      });
      const total = (of: ReadonlyMap<string, number>): number =>
        [...of.values()].reduce((sum, count) => sum + count, 0);
      return {
        won: () => total(won),
        stop: async () => {
          running = false;
          await Promise.all(workers);
          expect(total(won)).toBeGreaterThan(0);
          for (const [at, stored] of (await counters.getMany(ids)).entries()) {
            const id = ids[at] ?? '';
            expect(stored?.doc.value).toBe(stored?.version);
            expect(stored?.version).toBeGreaterThanOrEqual(won.get(id) ?? 0);
            expect(stored?.version).toBeLessThanOrEqual((won.get(id) ?? 0) + (unknown.get(id) ?? 0));
          }
        },
      };
    };
    const untilWon = async (counting: { won: () => number }, more: number): Promise<void> => {
      const from = counting.won();
      const giveUpAt = Date.now() + 40_000;
      while (counting.won() < from + more) {
        if (Date.now() > giveUpAt) throw new Error(`only ${counting.won() - from} of ${more} additions`);
        await pause(10);
      }
    };

    it.each(['sent', 'received'] as const)(
      'counts each addition once when connections break in the middle of what is %s',
      async (direction) => {
        const counting = countAlong();
        await untilWon(counting, 10);
        for (let cut = 0; cut < 8; cut++) {
          proxy.cutAfter(direction === 'sent' ? 300 + cut * 37 : 20 + cut * 11, direction);
          await untilWon(counting, 5);
        }
        await counting.stop();
      },
    );

    it('goes on when the server is killed between a read and a write, and nothing acknowledged is gone', async () => {
      const counting = countAlong();
      await untilWon(counting, 10);
      const [before] = await counters.getMany(['counter-0']);
      await mongo.kill();
      const writing = counters.write([{ id: 'apart', doc: { value: 1 }, expectedVersion: 0 }]);
      await mongo.start();
      expect(await writing).toEqual([{ kind: 'written', version: 1 }]);
      await untilWon(counting, 10);
      await counting.stop();
      expect((await counters.get('counter-0'))?.version).toBeGreaterThanOrEqual(before?.version ?? 0);
    });

    it('waits for a slow server and for one that is silent for a while', async () => {
      const counting = countAlong();
      proxy.slow(50);
      await untilWon(counting, 5);
      proxy.slow(0);
      mongo.pause();
      await pause(1_000);
      mongo.resume();
      await untilWon(counting, 5);
      await counting.stop();
    });

    it('gives up with a clear error when the server stays away', async () => {
      const brief = await openMongoDocumentStore({
        uri,
        database: `faults-${run++}`,
        bulkWriteCommand,
        serverTimeoutMs: 1_000,
      });
      try {
        const documents = await brief.collection<Counter>({ name: 'counters' });
        proxy.refuse();
        await expect(documents.get('a')).rejects.toMatchObject({ code: 'DOCUMENT_STORE_UNREACHABLE' });
        proxy.accept();
        expect(await documents.get('a')).toBeUndefined();
      } finally {
        await brief.close();
      }
    });
  },
);

describe('what a start on MongoDB says', () => {
  it('names the address when no server answers there', async () => {
    const [port] = await freePorts(1);
    await expect(
      openMongoDocumentStore({ uri: `mongodb://127.0.0.1:${port}/`, serverTimeoutMs: 500 }),
    ).rejects.toMatchObject({
      code: 'DOCUMENT_STORE_UNREACHABLE',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });

  it('refuses a server that is no replica set', async () => {
    const alone = await startMongo({ args: ['--standalone'] });
    try {
      await expect(openMongoDocumentStore({ uri: alone.uri })).rejects.toMatchObject({
        code: 'DOCUMENT_STORE_NOT_REPLICATED',
      });
    } finally {
      await alone.dispose();
    }
  }, 90_000);
});
