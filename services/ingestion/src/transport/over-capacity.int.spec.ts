import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { basic, startIngestion, type RunningIngestion } from '../fixtures/running-ingestion.js';

let ingestion: RunningIngestion;
afterEach(() => ingestion.stop());

const track = (messageId: string) => ({
  type: 'track',
  messageId,
  userId: 'u1',
  event: 'x',
  properties: { note: 'x'.repeat(2000) },
});

/** Begins a request, sends so much of its body, and keeps the rest back. */
async function holdDoor(ingestionUrl: string, sent: number, declared = sent + 1): Promise<Socket> {
  const socket = connect(Number(new URL(ingestionUrl).port), '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(
    `POST /v1/batch HTTP/1.1\r\nhost: x\r\nauthorization: ${basic}\r\ncontent-length: ${declared}\r\n\r\n${' '.repeat(sent)}`,
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  return socket;
}

describe('over capacity', () => {
  it('answers 429 with when to come back, by what has arrived, and takes more as soon as there is room', async () => {
    ingestion = await startIngestion({
      RAPPORT_INGESTION_MAX_IN_FLIGHT_BYTES: '400000',
      RAPPORT_INGESTION_MAX_KEY_PERCENT: '100',
    });
    const holders = [await holdDoor(ingestion.url, 0, 400_000)];
    expect((await ingestion.post('/v1/track', track('announced'))).status).toBe(200);
    holders.push(await holdDoor(ingestion.url, 300_000), await holdDoor(ingestion.url, 97_000));
    const full = await ingestion.post('/v1/track', track('full'));
    expect(full.status).toBe(429);
    expect(full.body.error?.code).toBe('INGESTION_OVER_CAPACITY');
    expect(Number(full.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(full.headers.get('x-ratelimit-reset'))).toBeGreaterThan(Date.now() / 1000 - 1);
    for (const holder of holders) holder.destroy();
    // Clients that went away are found as soon as somebody needs their room.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await ingestion.post('/v1/track', track('room'))).status).toBe(200);
    expect((await ingestion.accepted()).map(({ messageId }) => messageId)).toEqual(['announced', 'room']);
  });

  it('limits the number of requests too', async () => {
    ingestion = await startIngestion({ RAPPORT_INGESTION_MAX_IN_FLIGHT_REQUESTS: '1' });
    const holder = await holdDoor(ingestion.url, 100);
    expect((await ingestion.post('/v1/track', track('full'))).status).toBe(429);
    holder.destroy();
  });

  it('turns away while the log is behind: what was answered 200 is in the log, and nothing else', async () => {
    ingestion = await startIngestion({
      RAPPORT_INGESTION_MAX_APPEND_DELAY: '1ms',
      RAPPORT_INGESTION_MAX_APPENDS: '1',
    });
    const taken: string[] = [];
    let turnedAway = 0;
    const client = async (number: number): Promise<void> => {
      for (let turn = 0; turn < 25; turn++) {
        const messageId = `behind-${number}-${turn}`;
        const { status } = await ingestion.post('/v1/track', track(messageId));
        if (status === 200) taken.push(messageId);
        else {
          expect(status).toBe(429);
          turnedAway++;
        }
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, number) => client(number)));
    expect(turnedAway).toBeGreaterThan(0);
    expect(taken.length).toBeGreaterThan(0);
    expect((await ingestion.accepted()).map(({ messageId }) => messageId).sort()).toEqual(taken.sort());
  });
});
