import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPlatform, type TestPlatform } from '@rapport/testing';
import { limitEvents } from './limit-events.js';
import { appendNearlyGood } from './raw-records.js';

const startMs = Date.parse('2026-11-29T10:00:00.000Z');
const dayMs = 86_400_000;
const rounds = 12;
const eventsPerRound = 1_500;

describe('whatever the door accepts', () => {
  let platform: TestPlatform;
  beforeAll(async () => {
    platform = await startPlatform({ virtualFrom: new Date(startMs).toISOString() });
  });
  afterAll(async () => platform.stop());

  it(
    'is handled by every room and leaves nobody behind, whatever comes due after it',
    async () => {
      let taken = 0;
      for (let round = 1; round <= rounds; round++) {
        const events = fc.sample(limitEvents, { numRuns: eventsPerRound, seed: round });
        for (let from = 0; from < events.length; from += 40) {
          const { body } = await platform.send(events.slice(from, from + 40));
          taken += body.results.filter(({ accepted }) => accepted).length;
        }
        await platform.advanceTo(new Date(startMs + round * 3 * dayMs).toISOString());
        const { body: status } = await platform.get<{
          lags: Record<string, number>;
          rejected: Record<string, number>;
        }>('/v1/status');
        const { body: listed } = await platform.get<{ records: { stage: string }[] }>(
          '/v1/rejected?limit=1000',
        );
        expect({
          round,
          lags: Object.entries(status.lags).filter(([, lag]) => lag > 0),
          rejected: status.rejected,
          beyond: listed.records.filter(({ stage }) => stage !== 'ingestion'),
        }).toEqual({ round, lags: [], rejected: {}, beyond: [] });
      }
      expect(taken).toBeGreaterThan((rounds * eventsPerRound) / 4);
    },
    10 * 60_000,
  );
});

describe('whatever stands on the topics', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'rapport-raw-'));
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

  it(
    'leaves nobody behind, whatever comes due after it, now and after a restart',
    async () => {
      for (let round = 0; round < 6; round++) {
        const startIso = new Date(startMs + round * 3 * dayMs).toISOString();
        const dayLater = new Date(startMs + (round * 3 + 1) * dayMs).toISOString();
        if (round > 0) await appendNearlyGood(dataDir, 300, round);
        const platform = await startPlatform({ dataDir, virtualFrom: startIso });
        try {
          await platform.send([{ type: 'track', event: 'Product Added', userId: `u${round}` }]);
          await platform.advanceTo(dayLater);
          const { body } = await platform.get<{ lags: Record<string, number> }>('/v1/status');
          const { body: ready } = await platform.get<{ waiting?: readonly string[] }>('/readyz');
          expect({
            round,
            lags: Object.entries(body.lags).filter(([, lag]) => lag > 0),
            waiting: (ready.waiting ?? []).filter((line) => !line.includes('LOADING')),
          }).toEqual({ round, lags: [], waiting: [] });
          expect(await platform.get(`/v1/people/user_id:u${round}`)).toMatchObject({ status: 200 });
        } finally {
          await platform.kill();
        }
      }
    },
    10 * 60_000,
  );
});
