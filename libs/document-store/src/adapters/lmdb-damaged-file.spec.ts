import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Collection } from '../document-store.js';
import { counters, type Counter } from '../testing/counters.js';
import { openLmdbDocumentStore } from './lmdb-document-store.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const script = join(root, 'libs/document-store/src/testing/read-all-counters.ts');
const folder = mkdtempSync(join(tmpdir(), 'rapport-damaged-'));
const whole = join(folder, 'whole');
const fileOf = (path: string): string => join(path, 'documents/data.mdb');
const documentCount = 300;

const paddings = [10, 300, 3000, 20_000];
const fill = async (documents: Collection<Counter>, from: number, count: number): Promise<void> => {
  const writes = Array.from({ length: count }, (_, index) => {
    const id = `counter-${from + index}`;
    const padding = 'x'.repeat(paddings[index % paddings.length] ?? 0);
    return { id, doc: { value: from + index, owner: `${id}:${from + index}`, padding }, expectedVersion: 0 };
  });
  await documents.write(writes);
};

beforeAll(async () => {
  const store = await openLmdbDocumentStore({ path: whole });
  const documents = await store.collection(counters);
  for (let from = 0; from < documentCount; from += 50) await fill(documents, from, 50);
  await store.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let copies = 0;
/** A store whose file was changed. */
const copyWith = (change: (file: string) => void): string => {
  const path = join(folder, `copy-${copies++}`);
  cpSync(whole, path, { recursive: true });
  change(fileOf(path));
  return path;
};

/** Opens it and says how; only what opens can be read, and where that would end the process it has to be another one. */
const opened = async (path: string): Promise<'refused' | 'open'> => {
  try {
    await (await openLmdbDocumentStore({ path })).close();
    return 'open';
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'DOCUMENT_STORE_DAMAGED' });
    const { message } = thrown as Error;
    expect(message).toContain(fileOf(path));
    expect(message).not.toContain('\n');
    return 'refused';
  }
};

describe('an LMDB file that LMDB did not leave so', () => {
  it('is refused wherever it was cut short, and is read to its last document where it was not', async () => {
    const size = statSync(fileOf(whole)).size;
    const anywhere = fc.sample(fc.nat(size - 1), { numRuns: 60, seed: 11 });
    let read = 0;
    for (const length of new Set([0, 1, 24, 168, 4095, 4096, 4097, 8191, 8192, size - 1, ...anywhere])) {
      const path = copyWith((file) => truncateSync(file, length));
      if ((await opened(path)) === 'refused') continue;
      // It had nothing behind that place.
      const { stdout, signal } = spawnSync(
        process.execPath,
        ['--import', join(root, 'tools/jest/typescript-hooks.mjs'), script, path],
        { cwd: root, encoding: 'utf8' },
      );
      expect([length, stdout, signal]).toEqual([length, String(documentCount), null]);
      read++;
    }
    // Nearly every page of this one is in use.
    expect(read).toBeLessThan(5);
    expect(await opened(copyWith(() => undefined))).toBe('open');
  });

  it('is refused when it is another file', async () => {
    for (const bytes of [
      Buffer.from('SQLite format 3\0'.padEnd(10_000, ' ')),
      Buffer.alloc(100_000),
      Buffer.from(fc.sample(fc.uint8Array({ minLength: 20_000, maxLength: 20_000 }), 1)[0] ?? []),
    ])
      expect(await opened(copyWith((file) => writeFileSync(file, bytes)))).toBe('refused');
  });

  it('is not taken for one while it is only shorter than its last page, whatever was written and deleted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ at: fc.nat(400), count: fc.integer({ min: 1, max: 40 }), drop: fc.boolean() }), {
          minLength: 1,
          maxLength: 12,
        }),
        async (steps) => {
          const path = join(folder, `copy-${copies++}`);
          for (const { at, count, drop } of steps) {
            const store = await openLmdbDocumentStore({ path });
            const documents = await store.collection(counters);
            const ids = Array.from({ length: count }, (_, index) => `counter-${at + index}`);
            const there = await documents.getMany(ids);
            if (drop) {
              const writes = ids.flatMap((id, index) => {
                const version = there[index]?.version;
                return version === undefined ? [] : [{ id, remove: true as const, expectedVersion: version }];
              });
              await documents.write(writes);
            } else await fill(documents, at, count);
            await store.close();
          }
        },
      ),
      { numRuns: 12 },
    );
  });
});
