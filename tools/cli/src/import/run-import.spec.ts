import { createServer, type Server } from 'node:http';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HttpDoor } from '../platform/http-door.js';
import type { Platform } from '../platform/reach-platform.js';
import { isBalanced, reportText } from './import-report.js';
import { runImport, type ImportResult } from './run-import.js';
import { segmentNdjson } from './segment-ndjson.js';

/** A door that can be unwilling: what it takes it keeps by messageId, as the timeline does. */
class UnwillingDoor {
  readonly taken = new Map<string, string>();
  requests = 0;
  /** Answers in place of taking the request; undefined takes it. */
  mood: (request: number) => { status: number; retryAfter?: string } | 'hang up' | undefined = () =>
    undefined;
  readonly server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (request.url === '/v1/status') {
        response.end('{"lag":0}');
        return;
      }
      if (request.method === 'GET') {
        const person = decodeURIComponent((request.url ?? '').split('/')[3] ?? '');
        const events = [...this.taken]
          .filter(([, owner]) => `user_id:${owner}` === person)
          .map(([messageId]) => ({ messageId }));
        response.writeHead(events.length === 0 ? 404 : 200).end(JSON.stringify({ events }));
        return;
      }
      const mood = this.mood(this.requests++);
      if (mood === 'hang up') {
        response.destroy();
        return;
      }
      if (mood !== undefined) {
        response
          .writeHead(mood.status, mood.retryAfter === undefined ? {} : { 'retry-after': mood.retryAfter })
          .end('{}');
        return;
      }
      const { batch } = JSON.parse(body) as { batch: { messageId: string; userId: string }[] };
      const results = batch.map(({ messageId, userId }) => {
        if (userId === 'nobody')
          return { messageId, accepted: false, code: 'INGESTION_ID_BLOCKED', detail: 'x' };
        this.taken.set(messageId, userId);
        return { messageId, accepted: true };
      });
      response.end(JSON.stringify({ success: true, results }));
    });
  });
}

describe('an import', () => {
  let dir = '';
  let door: UnwillingDoor;
  let platform: Platform;
  const said: string[] = [];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'rapport-import-'));
    door = new UnwillingDoor();
    await new Promise<void>((resolve) => door.server.listen(0, '127.0.0.1', resolve));
    const { port } = door.server.address() as AddressInfo;
    platform = {
      http: new HttpDoor(`http://127.0.0.1:${port}`, 'token'),
      calls: () => Promise.reject(new Error('no gRPC here')),
      embedded: false,
      settle: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    said.length = 0;
  });
  afterEach(async () => {
    door.server.closeAllConnections();
    await new Promise((resolve) => door.server.close(resolve));
    await rm(dir, { recursive: true, force: true });
  });

  const eventLine = (index: number): string =>
    JSON.stringify({
      type: 'track',
      event: 'A',
      userId: index === 3 ? 'nobody' : `u${index % 7}`,
      messageId: `m${index}`,
      timestamp: '2026-01-01T00:00:00.000Z',
    });

  async function run(count: number, stopped = new AbortController().signal): Promise<ImportResult> {
    const path = join(dir, 'events.ndjson');
    await writeFile(
      path,
      `${Array.from({ length: count }, (_, index) => eventLine(index)).join('\n')}\nnonsense\n`,
    );
    return await runImport({
      path,
      format: segmentNdjson,
      source: 'test',
      dataDir: dir,
      stopped,
      display: () => ({ update: () => undefined, stop: () => undefined }),
      platform: () => Promise.resolve(platform),
      say: (text) => said.push(text),
    });
  }

  it('brings every event in once, waits where it is told to, and repeats what was not answered', async () => {
    const moods: Record<number, { status: number; retryAfter?: string } | 'hang up'> = {
      0: { status: 429, retryAfter: '0' },
      1: 'hang up',
      2: { status: 503 },
    };
    door.mood = (request) => moods[request];
    const result = await run(1_200);
    expect(door.taken.size).toBe(1_199);
    expect(isBalanced(result)).toBe(true);
    expect(result.account.refused().map(({ what, lines }) => [what, lines])).toEqual([
      ['not JSON', 1],
      ['the platform: INGESTION_ID_BLOCKED', 1],
    ]);
    expect(reportText(result, 'events.ndjson')).toContain('1,201 lines read = 1,199 used + 2 refused');
    expect(await readdir(join(dir, 'imports'))).toEqual([]);
  });

  it('ends at once on an answer that will not change, and goes on where it ended', async () => {
    door.mood = (request) => (request >= 2 ? { status: 401 } : undefined);
    await expect(run(3_000)).rejects.toMatchObject({ status: 'unauthenticated' });
    const before = door.taken.size;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(2_999);
    door.mood = () => undefined;
    const result = await run(3_000);
    expect(said).toContain('Going on where an earlier import of this file ended.');
    expect(result.account.earlierEvents).toBe(before);
    expect(door.taken.size).toBe(2_999);
    expect(isBalanced(result)).toBe(true);
  });

  it('starts over where the platform has nothing of what the progress file says', async () => {
    door.mood = (request) => (request >= 2 ? { status: 401 } : undefined);
    await expect(run(3_000)).rejects.toThrow();
    door.taken.clear();
    door.mood = () => undefined;
    const result = await run(3_000);
    expect(result.account.earlierEvents).toBe(0);
    expect(door.taken.size).toBe(2_999);
  });

  it('sends everything again when it had ended, for the platform to count once', async () => {
    await run(1_000);
    const requests = door.requests;
    const again = await run(1_000);
    expect(door.requests).toBe(2 * requests);
    expect(again.account.earlierEvents).toBe(0);
    expect(door.taken.size).toBe(999);
  });

  it('stops between events when it is asked to', async () => {
    await expect(run(1_000, AbortSignal.abort())).rejects.toMatchObject({ code: 'CLI_INTERRUPTED' });
  });
});
