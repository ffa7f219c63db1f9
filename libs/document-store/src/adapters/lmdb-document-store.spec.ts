import { spawn } from 'node:child_process';
import { mkdtemp, open as openFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nextTurn } from '@rapport/kernel';
import type { DocumentStore } from '../document-store.js';
import { counters } from '../testing/counters.js';
import { documentStoreContract, type DocumentStorePlace } from './document-store.contract.js';
import { openLmdbDocumentStore } from './lmdb-document-store.js';
import { afterPrefix, encodeTuple } from './lmdb/tuple-key.js';

const place = async (): Promise<DocumentStorePlace> => {
  const path = await mkdtemp(join(tmpdir(), 'rapport-store-'));
  return {
    open: () => openLmdbDocumentStore({ path }),
    dispose: () => rm(path, { recursive: true, force: true }),
  };
};
documentStoreContract('LMDB', place, { keepsOrder: true, rounds: 25, runs: 60 });
documentStoreContract('LMDB, urgent', place, { keepsOrder: true, rounds: 5, runs: 10, urgent: true });

describe('LMDB document store, beyond the contract', () => {
  let path: string;
  let store: DocumentStore | undefined;

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'rapport-store-'));
  });
  afterEach(async () => {
    await store?.close();
    store = undefined;
    await rm(path, { recursive: true, force: true });
  });

  it('lets an urgent write of many documents wait for no turn that batches queue for', async () => {
    store = await openLmdbDocumentStore({ path });
    const urgent = await store.collection<{ n: number }>({ name: 'answers', urgent: true });
    let taken = 0;
    const batches = Array.from({ length: 60 }, async () => {
      await nextTurn();
      taken++;
      for (const until = performance.now() + 3; performance.now() < until;);
    });
    const results = await urgent.write(Array.from({ length: 200 }, (_, n) => ({ id: `a${n}`, doc: { n } })));
    expect(results.every(({ kind }) => kind === 'written')).toBe(true);
    expect(taken).toBeLessThan(60);
    await Promise.all(batches);
  });

  it('loses nothing that was acknowledged when its process is killed, and indexes agree with documents', async () => {
    const root = fileURLToPath(new URL('../../../../', import.meta.url));
    const script = join(root, 'libs/document-store/src/testing/count-until-killed.ts');
    const acknowledged = new Map<string, number>();
    for (let round = 0; round < 3; round++) {
      const child = spawn(
        process.execPath,
        ['--import', join(root, 'tools/jest/typescript-hooks.mjs'), script, path],
        { cwd: root },
      );
      let output = '';
      let errors = '';
      child.stderr.on('data', (some: Buffer) => (errors += some.toString()));
      await new Promise<void>((resolve) => {
        child.once('exit', () => resolve());
        child.stdout.on('data', (some: Buffer) => {
          output += some.toString();
          if (output.length > 30_000 + round * 20_000) child.kill('SIGKILL');
        });
      });
      expect(errors).toBe('');
      for (const line of output.split('\n').slice(0, -1)) {
        for (const [id, version] of JSON.parse(line) as [string, number][])
          acknowledged.set(id, Math.max(version, acknowledged.get(id) ?? 0));
      }
    }
    store = await openLmdbDocumentStore({ path });
    const documents = await store.collection(counters);
    const stored = await documents.scan('_id', { limit: 1000 });
    expect(acknowledged.size).toBe(40);
    for (const [id, version] of acknowledged)
      expect(stored.find((each) => each.id === id)?.version).toBeGreaterThanOrEqual(version);
    for (const each of stored)
      expect(each.doc).toMatchObject({ value: each.version, owner: `${each.id}:${each.version}` });
    const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
    for (const index of ['byValue', 'byOwner'])
      expect([...(await documents.scan(index, { limit: 1000 }))].sort(byId)).toEqual(stored);
  });

  it('stores a document as it was when write was called', async () => {
    store = await openLmdbDocumentStore({ path });
    const people = await store.collection<{ name: string; list: number[] }>({ name: 'people' });
    const doc = { name: 'before', list: [1] };
    const writing = people.write([{ id: 'a', doc }]);
    doc.name = 'after';
    doc.list.push(2);
    await writing;
    expect((await people.get('a'))?.doc).toEqual({ name: 'before', list: [1] });
  });

  it('refuses a second opening', async () => {
    store = await openLmdbDocumentStore({ path });
    await expect(openLmdbDocumentStore({ path })).rejects.toMatchObject({ code: 'DOCUMENT_STORE_IN_USE' });
    const documents = await store.collection(counters);
    await expect(store.collection(counters)).rejects.toMatchObject({
      code: 'DOCUMENT_STORE_COLLECTION_TWICE',
    });
    await store.close();
    await expect(documents.get('a')).rejects.toMatchObject({ code: 'DOCUMENT_STORE_CLOSED' });
    await expect(documents.write([{ id: 'a', remove: true }])).rejects.toMatchObject({
      code: 'DOCUMENT_STORE_CLOSED',
    });
  });

  it('notices a single changed bit instead of handing it out', async () => {
    store = await openLmdbDocumentStore({ path });
    const documents = await store.collection(counters);
    await documents.write([
      { id: 'a', doc: { value: 1, owner: 'a', padding: `${'x'.repeat(300)}needle${'y'.repeat(300)}` } },
    ]);
    await documents.write([{ id: 'b', doc: { value: 2, owner: 'b', padding: '' } }]);
    await store.close();
    const file = await openFile(join(path, 'documents', 'data.mdb'), 'r+');
    const content = await file.readFile();
    let found = 0;
    for (let at = content.indexOf('needle'); at !== -1; at = content.indexOf('needle', at + 1)) {
      await file.write(Buffer.from('N'), 0, 1, at);
      found++;
    }
    await file.close();
    expect(found).toBeGreaterThan(0);
    store = await openLmdbDocumentStore({ path });
    const again = await store.collection(counters);
    await expect(again.get('a')).rejects.toMatchObject({ code: 'DOCUMENT_STORE_CORRUPT' });
    expect((await again.get('b'))?.doc.value).toBe(2);
  });

  it('refuses to make an index unique that is not, says which documents, and still opens without', async () => {
    store = await openLmdbDocumentStore({ path });
    const byEmail = { name: 'byEmail', fields: ['email'] } as const;
    const bare = await store.collection<{ email: string }>({ name: 'people', indexes: [byEmail] });
    await bare.write(
      Array.from({ length: 1200 }, (_, n) => ({ id: `p${n}`, doc: { email: n === 1100 ? 'e3' : `e${n}` } })),
    );
    await store.close();
    store = await openLmdbDocumentStore({ path });
    await expect(
      store.collection<{ email: string }>({
        name: 'people',
        indexes: [{ ...byEmail, unique: true }],
      }),
    ).rejects.toMatchObject({
      code: 'DOCUMENT_STORE_DUPLICATE',
      message: expect.stringMatching(/p3 and p1100|p1100 and p3/),
    });
    await store.close();
    store = await openLmdbDocumentStore({ path });
    const people = await store.collection<{ email: string }>({
      name: 'people',
      indexes: [byEmail],
    });
    expect((await people.scan('byEmail', { prefix: 'e3' })).map(({ id }) => id)).toEqual(['p1100', 'p3']);
    expect(await people.count()).toBe(1200);
  });

  it('encodes tuples so that bytes sort as tuples do, and a prefix ends where its last continuation does (property)', () => {
    const part = fc.oneof(
      fc.string({ unit: fc.constantFrom('\0', 'a', 'b', '\x01', '\x02', 'ÿ', 'é', '🙂'), maxLength: 4 }),
      fc.double({ noNaN: true }),
      fc.integer({ min: -2, max: 2 }),
    );
    const tuple = fc.array(part, { minLength: 1, maxLength: 3 });
    const order = (a: readonly (string | number)[], b: readonly (string | number)[]): number => {
      for (let at = 0; at < Math.min(a.length, b.length); at++) {
        const [x, y] = [a[at], b[at]];
        const each =
          typeof x === 'number' && typeof y === 'number'
            ? Math.sign(x - y) || 0
            : typeof x !== typeof y
              ? typeof x === 'number'
                ? -1
                : 1
              : Buffer.compare(Buffer.from(String(x)), Buffer.from(String(y)));
        if (each !== 0) return each;
      }
      return Math.sign(a.length - b.length);
    };
    fc.assert(
      fc.property(tuple, tuple, (a, b) => {
        const [x, y] = [encodeTuple(a), encodeTuple(b)];
        // Infinities differ from themselves by NaN, which counts as equal above; bytes agree.
        expect(Buffer.compare(x, y)).toBe(order(a, b));
        const begins = b.length >= a.length && order(a, b.slice(0, a.length)) === 0;
        expect(Buffer.compare(y, x) >= 0 && Buffer.compare(y, afterPrefix(x)) < 0).toBe(begins);
      }),
      { numRuns: 2000 },
    );
  });
});
