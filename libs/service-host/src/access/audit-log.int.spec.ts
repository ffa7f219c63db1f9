import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeJson, topics, type AuditRecord } from '@rapport/contracts';
import { openEventLog, type EventLog, type NewRecord, type Position } from '@rapport/event-log';
import { VirtualClock } from '@rapport/kernel';
import { AuditLog, type AuditLogParts, type AuditedCall } from './audit-log.js';

let folder: string;
let real: EventLog;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rapport-audit-'));
  real = await openEventLog({ kind: 'lmdb', path: folder });
  await real.ensureTopics([topics.auditRecorded]);
});
afterAll(async () => {
  await real.close();
  await rm(folder, { recursive: true });
});

/** The log, which can be told to take nothing, or to answer nothing. */
class FailingLog {
  takes: 'all' | 'nothing' | 'silence' = 'all';
  readonly records: AuditRecord[] = [];

  async append(topic: string, records: readonly NewRecord[]): Promise<readonly Position[]> {
    if (this.takes === 'silence') return await new Promise(() => undefined);
    if (this.takes === 'nothing') throw new Error('the disk is full');
    this.records.push(
      ...records.flatMap(({ value }) => decodeJson<AuditRecord[]>(value ?? new Uint8Array())),
    );
    return await real.append(topic, records);
  }

  bounds = (topic: string) => real.bounds(topic);
  read = (topic: string, partition: number, from: number, max: number) =>
    real.read(topic, partition, from, max);
}

const call = (more: Partial<AuditedCall> = {}): AuditedCall => ({
  token: 'reader',
  action: 'people.read',
  door: 'GET /v1/people/:person',
  subject: { person: 'user_id:42' },
  address: '10.0.0.1',
  ...more,
});
const done = { outcome: 'done', status: '200' } as const;

let days = 0;

/** Each on a day of its own: all write one topic. */
function opened(more: Partial<AuditLogParts> = {}) {
  const log = new FailingLog();
  const startMs = Date.parse('2026-01-01T00:00:00Z') + days++ * 86_400_000;
  const clock = new VirtualClock(startMs);
  const lost: number[] = [];
  const audit = new AuditLog({ log, clock, onLost: (entries) => lost.push(entries), ...more });
  return { log, clock, lost, audit, startMs };
}

describe('the audit log', () => {
  it('has a change before it is done, and does not let it be done where that fails', async () => {
    const { log, audit } = opened();
    const end = await audit.begin(call({ action: 'privacy.erase' }));
    expect(log.records).toMatchObject([{ action: 'privacy.erase', outcome: 'begun' }]);
    end(done);
    await audit.flush();
    expect(log.records.map(({ outcome }) => outcome)).toEqual(['begun', 'done']);
    for (const takes of ['nothing', 'silence'] as const) {
      const broken = opened({ timeoutMs: 20 });
      broken.log.takes = takes;
      await expect(broken.audit.begin(call())).rejects.toMatchObject({
        code: 'AUDIT_UNAVAILABLE',
        status: 'unavailable',
      });
    }
  });

  it('writes reads together, equal ones as one, and counts those that it loses', async () => {
    const { log, lost, audit } = opened();
    for (let times = 0; times < 500; times++) audit.note(call(), done);
    audit.note(call({ subject: { person: 'user_id:43' } }), done);
    expect(log.records).toEqual([]);
    await audit.flush();
    expect(log.records.map(({ count }) => count)).toEqual([500, 1]);
    log.takes = 'nothing';
    for (let times = 0; times < 3; times++) audit.note(call(), done);
    await audit.flush();
    expect(lost).toEqual([3]);
  });

  it('keeps bounded memory while the log takes nothing', async () => {
    const { log, lost, audit } = opened();
    log.takes = 'silence';
    for (let person = 0; person < 25_000; person++)
      audit.note(call({ subject: { person: `user_id:${person}` } }), done);
    expect(lost.length).toBeGreaterThanOrEqual(14_000);
  });

  it('is read newest first by any filter and page size: each entry once, a change with its end as one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            token: fc.constantFrom('a', 'bb', 'c'),
            kind: fc.constantFrom('read', 'change', 'died'),
            afterMs: fc.integer({ min: 1, max: 5 }),
            flushed: fc.boolean(),
          }),
          { maxLength: 40 },
        ),
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom(undefined, 'a', 'bb'),
        async (deeds, limit, token) => {
          const { clock, audit, startMs } = opened();
          const wanted: string[] = [];
          for (const [person, deed] of deeds.entries()) {
            clock.advanceTo(clock.now() + deed.afterMs);
            const about = call({ token: deed.token, subject: { person: `user_id:${person}` } });
            if (deed.kind === 'read') audit.note(about, done);
            else {
              const end = await audit.begin(about);
              if (deed.kind === 'change') end(done);
            }
            if (deed.flushed) await audit.flush();
            if (token === undefined || token === deed.token)
              wanted.unshift(`${deed.token} ${person} ${deed.kind === 'died' ? 'begun' : 'done'}`);
          }
          const found: string[] = [];
          for (let cursor: string | undefined = ''; cursor !== undefined;) {
            const page: Awaited<ReturnType<AuditLog['list']>> = await audit.list({
              limit,
              sinceMs: startMs,
              ...(token === undefined ? {} : { token }),
              ...(cursor === '' ? {} : { cursor }),
            });
            expect(page.entries.length).toBeLessThanOrEqual(limit);
            found.push(
              ...page.entries.map(
                ({ token: by, subject, outcome }) => `${by} ${subject['person']?.slice(8)} ${outcome}`,
              ),
            );
            cursor = page.nextCursor;
          }
          // Reads that gather are written after a change that came meanwhile.
          const inOrder = deeds.every(({ flushed }) => flushed);
          expect(inOrder ? found : found.sort()).toEqual(inOrder ? wanted : wanted.sort());
        },
      ),
      { numRuns: 20 },
    );
  });

  it('passes over records that are not its own', async () => {
    const { audit, log, startMs } = opened();
    audit.note(call(), done);
    await audit.flush();
    const entry = log.records[0];
    for (const value of [
      'not json',
      'null',
      '{}',
      '[null]',
      '[{}]',
      '[7]',
      JSON.stringify([{ ...entry, at: 'x' }]),
    ])
      await real.append(topics.auditRecorded.name, [{ key: 'stranger', value: Buffer.from(value) }]);
    expect((await audit.list({ limit: 10, sinceMs: startMs })).entries).toEqual([entry]);
  });

  it('is read from an instant to an instant, and about somebody', async () => {
    const { clock, audit, startMs } = opened();
    for (let minute = 0; minute < 200; minute++) {
      audit.note(call({ subject: { person: `user_id:${minute % 2}` } }), done);
      await audit.flush();
      clock.advanceTo(clock.now() + 60_000);
    }
    const { entries } = await audit.list({
      limit: 1000,
      sinceMs: startMs + 100 * 60_000,
      untilMs: startMs + 110 * 60_000,
      subject: 'user_id:1',
    });
    expect(entries).toHaveLength(5);
    await expect(audit.list({ limit: 1, cursor: 'W10' })).rejects.toMatchObject({
      code: 'AUDIT_CURSOR_INVALID',
    });
  });
});
