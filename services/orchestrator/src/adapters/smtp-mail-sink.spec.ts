import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { createTransport } from 'nodemailer';
import { openLmdbDocumentStore } from '@rapport/document-store';
import { VirtualClock } from '@rapport/kernel';
import { mailCollection, SmtpMailSink } from './smtp-mail-sink.js';

it('keeps a mail that comes again, also at the same moment, and says that it is a repeat', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'rapport-sink-'));
  const store = await openLmdbDocumentStore({ path: dir });
  let repeats = 0;
  const sink = new SmtpMailSink(
    await store.collection(mailCollection),
    new VirtualClock(0),
    100,
    () => repeats++,
  );
  const transport = createTransport({ url: await sink.listen(0), pool: true });
  const send = async (id: string): Promise<unknown> =>
    transport.sendMail({
      from: 'shop@example.com',
      to: 'ada@example.com',
      text: 'x',
      messageId: `<${id}@rapport>`,
      headers: { 'X-Rapport-Message': id },
    });
  await Promise.all([send('a'), send('b'), send('a'), send('a')]);
  transport.close();
  const kept = await sink.newest(10);
  const repeatsOf = (id: string): readonly number[] =>
    kept.filter(({ messageId }) => messageId === id).map(({ repeat = 0 }) => repeat);
  expect([...repeatsOf('a')].sort()).toEqual([0, 1, 2]);
  expect(repeatsOf('b')).toEqual([0]);
  expect([await sink.repeats(), repeats]).toEqual([2, 2]);
  await sink.close();
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});
