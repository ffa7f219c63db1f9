import { join } from 'node:path';
import fc from 'fast-check';
import { openLmdbEventLog } from '@rapport/event-log';
import { nearlyGood, readTopics } from './limit-records.js';

/** Puts values on every topic that rooms read which a reader may let through and no room expects; the platform is down. */
export async function appendNearlyGood(dataDir: string, perTopic: number, seed: number): Promise<void> {
  const log = await openLmdbEventLog({ path: join(dataDir, 'log') });
  for (const topic of readTopics) {
    const values = fc.sample(nearlyGood(topic), { numRuns: perTopic, seed });
    await log.append(
      topic,
      values.map((value, n) => ({ key: `k${n}`, value: Buffer.from(value) })),
    );
  }
  await log.close();
}
