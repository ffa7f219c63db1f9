import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import { openLmdbDocumentStore, type Collection, type DocumentStore } from '@rapport/document-store';
import type { Contender } from '../domain/caps.js';
import type { Cap } from '../domain/tactics.js';
import { capCollection, DocumentCapLedger, type CapDocument } from './document-cap-ledger.js';

const cap = (scope: Cap['scope'], name: string, max: number): Cap => ({
  scope,
  name,
  max,
  windowMs: 1000,
  per: '1s',
});
const mail = (name: string): Contender => ({
  name,
  channel: 'email',
  channelKind: 'email',
  caps: [cap('tactic', name, 1), cap('channel', 'email', 2)],
});
const page: Contender = {
  name: 'page',
  channel: 'on_site',
  channelKind: 'on_site',
  caps: [cap('tactic', 'page', 3)],
};

describe('caps by mailbox', () => {
  let dir: string;
  let store: DocumentStore;
  let collection: Collection<CapDocument>;
  let next = 0;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'rapport-caps-'));
    store = await openLmdbDocumentStore({ path: dir });
    collection = await store.collection(capCollection);
  });
  afterAll(async () => {
    await store.close();
    rmSync(dir, { recursive: true, force: true });
  });
  /** Two processes on one store, in which every decision is made. */
  const ledgers = (): readonly [DocumentCapLedger, DocumentCapLedger] => {
    const open = (): DocumentCapLedger =>
      new DocumentCapLedger(collection, { chosen: async () => Promise.resolve([]) }, 2000, () => 0);
    return [open(), open()];
  };
  const reserve = async (
    ledger: DocumentCapLedger,
    place: { readonly id: string; readonly person: string; readonly mailbox: string; readonly atMs: number },
    contenders: readonly Contender[],
  ): Promise<string | undefined> => {
    for (;;) {
      const { answer, stood } = await ledger.reserve(place.person, { ...place, timezone: 'UTC', contenders });
      if (await stood) return contenders[answer.granted]?.name;
    }
  };

  test('no mailbox and no person gets more than the caps allow, whoever asks at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            person: fc.constantFrom('p1', 'p2', 'p3'),
            mailbox: fc.constantFrom('m1', 'm2'),
            atMs: fc.nat(1500),
            process: fc.constantFrom(0, 1),
            names: fc.shuffledSubarray(['a', 'b', 'page'], { minLength: 1 }),
          }),
          { maxLength: 14 },
        ),
        async (asked) => {
          const run = `r${next++}`;
          const both = ledgers();
          const granted = await Promise.all(
            asked.map(async ({ person, mailbox, atMs, process, names }, index) => {
              const place = {
                id: `${run}-${index}`,
                person: `${run}-${person}`,
                mailbox: `${run}-${mailbox}`,
                atMs,
              };
              const contenders = names.map((name) => (name === 'page' ? page : mail(name)));
              return {
                ...place,
                tactic: await reserve(both[process], place, contenders),
              };
            }),
          );
          const mails = granted.filter(({ tactic }) => tactic === 'a' || tactic === 'b');
          const most = (of: readonly { readonly atMs: number }[]): number =>
            Math.max(
              0,
              ...of.map(({ atMs }) => of.filter((one) => one.atMs > atMs - 1000 && one.atMs <= atMs).length),
            );
          for (const by of ['person', 'mailbox'] as const) {
            for (const who of new Set(mails.map((one) => one[by]))) {
              const theirs = mails.filter((one) => one[by] === who);
              expect(most(theirs)).toBeLessThanOrEqual(2);
              for (const name of ['a', 'b'])
                expect(most(theirs.filter(({ tactic }) => tactic === name))).toBeLessThanOrEqual(1);
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('gives the place to the next in line where the mailbox has no room, and says why', async () => {
    const [ledger] = ledgers();
    const place = { mailbox: 'full', atMs: 10 };
    expect(await reserve(ledger, { ...place, id: 'd1', person: 'p_a' }, [mail('a')])).toBe('a');
    const contenders = [mail('a'), page];
    const { answer, stood } = await ledger.reserve('p_b', {
      ...place,
      id: 'd2',
      timezone: 'UTC',
      contenders,
    });
    expect(await stood).toBe(true);
    expect(answer).toEqual({ granted: 1, refusals: ['its address: tactic a: 1 of 1 per 1s used'] });
    expect((await collection.get('p_b'))?.doc.reservations).toMatchObject([{ tactic: 'page' }]);
  });

  it('takes no place from the person where the mailbox has none, and gives both back together', async () => {
    const [ledger] = ledgers();
    const place = { mailbox: 'box', atMs: 10 };
    expect(await reserve(ledger, { ...place, id: 'd1', person: 'p_c' }, [mail('a')])).toBe('a');
    expect(await reserve(ledger, { ...place, id: 'd1', person: 'p_c' }, [mail('a')])).toBe('a');
    expect(await reserve(ledger, { ...place, id: 'd2', person: 'p_d' }, [mail('a')])).toBeUndefined();
    expect((await collection.get('p_d'))?.doc.reservations ?? []).toEqual([]);
    await ledger.release('p_c', 'd1');
    expect(await reserve(ledger, { ...place, id: 'd3', person: 'p_d' }, [mail('a')])).toBe('a');
  });
});
