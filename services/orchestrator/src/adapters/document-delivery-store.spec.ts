import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openLmdbDocumentStore, type DocumentStore } from '@rapport/document-store';
import type { DeliveryState } from '../ports/delivery-store.js';
import { deliveryCollection, DocumentDeliveryStore } from './document-delivery-store.js';

let dir: string;
let documents: DocumentStore;
let next = 0;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rapport-deliveries-'));
  documents = await openLmdbDocumentStore({ path: dir });
});
afterAll(async () => {
  await documents.close();
  rmSync(dir, { recursive: true, force: true });
});

const open = async (): Promise<DocumentDeliveryStore> =>
  new DocumentDeliveryStore(
    await documents.collection<DeliveryState>({ ...deliveryCollection, name: `deliveries_${next++}` }),
  );

const anyState = fc.record({
  profileId: fc.constantFrom('p_a', 'p_b', 'p_c'),
  channel: fc.constantFrom('email', 'crm'),
  partition: fc.constantFrom(0, 1),
  tactic: fc.constantFrom('t', 'u'),
  destination: fc.constantFrom('', 'a.example', 'a.example.org', 'ä'),
  state: fc.constantFrom('waiting' as const, 'sent' as const, 'failed' as const, 'cancelled' as const),
  atMs: fc.integer({ min: 0, max: 10 }),
  dueMs: fc.integer({ min: 0, max: 10 }),
});
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
const anyFilter = fc.record({
  profileIds: maybe(fc.uniqueArray(fc.constantFrom('p_a', 'p_b', 'p_c'), { minLength: 1 })),
  state: maybe(fc.constantFrom('waiting' as const, 'sent' as const, 'failed' as const)),
  tactic: maybe(fc.constantFrom('t', 'u')),
  channel: maybe(fc.constantFrom('email', 'crm')),
  fromMs: maybe(fc.integer({ min: 0, max: 10 })),
  toMs: maybe(fc.integer({ min: 0, max: 10 })),
});

describe('deliveries in the store', () => {
  it('are listed by any filter, page by page, and found by lane, as a search through all would', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyState, { maxLength: 60 }),
        anyFilter,
        fc.integer({ min: 1, max: 20 }),
        async (given, filter, limit) => {
          const store = await open();
          const all = given.map(({ dueMs, ...rest }, index): DeliveryState => ({
            ...rest,
            messageId: `m${index}`,
            attempts: 0,
            detail: '',
            sinceMs: 0,
            replays: 0,
            ...(rest.state === 'waiting' ? { dueMs } : {}),
          }));
          await store.write(all.map((state) => ({ state, version: 0 })));
          const { profileIds, state, tactic, channel, fromMs = 0, toMs = Infinity } = filter;
          const wanted = all
            .filter(
              (one) =>
                (profileIds?.some((id) => id === one.profileId) ?? true) &&
                [state ?? one.state, tactic ?? one.tactic, channel ?? one.channel].join() ===
                  [one.state, one.tactic, one.channel].join() &&
                one.atMs >= fromMs &&
                one.atMs < toMs,
            )
            .sort((a, b) => b.atMs - a.atMs || (a.messageId < b.messageId ? 1 : -1));
          const set = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
          const found: DeliveryState[] = [];
          for (let cursor: string | undefined; ;) {
            const page = await store.list(set, cursor, limit);
            expect(page.found.length).toBeLessThanOrEqual(limit);
            found.push(...page.found.map((one) => one.state));
            cursor = page.nextCursor;
            if (cursor === undefined) break;
          }
          expect(found.map(({ messageId }) => messageId)).toEqual(wanted.map(({ messageId }) => messageId));
          await lanesAreRight(store, all);
        },
      ),
      { numRuns: 40 },
    );
  });
});

async function lanesAreRight(store: DocumentDeliveryStore, all: readonly DeliveryState[]): Promise<void> {
  const waiting = all.filter(
    (one) => one.state === 'waiting' && one.channel === 'email' && one.partition === 0,
  );
  const earliest = new Map<string, number>();
  for (const { destination, dueMs = 0 } of waiting)
    earliest.set(destination, Math.min(dueMs, earliest.get(destination) ?? Infinity));
  const told = new Map<string, number>();
  for await (const { destination, dueMs } of store.destinations('email', 0)) {
    expect(told.has(destination)).toBe(false);
    told.set(destination, dueMs);
  }
  expect(told).toEqual(earliest);
  for (const destination of earliest.keys()) {
    const lane = { channel: 'email', partition: 0, destination };
    const dues = waiting.filter((one) => one.destination === destination).map(({ dueMs = 0 }) => dueMs);
    const due = await store.due(lane, 5, 100);
    expect(due.map(({ state }) => state.dueMs)).toEqual(
      dues.filter((dueMs) => dueMs <= 5).sort((a, b) => a - b),
    );
    const later = dues.filter((dueMs) => dueMs > 5);
    expect(await store.nextDue(lane, 5)).toBe(later.length === 0 ? undefined : Math.min(...later));
  }
}
