import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { topics } from '@rapport/contracts';
import { openKafkaEventLog } from '@rapport/event-log';
import { startKafka, type LocalKafka } from '@rapport/local-engines';
import {
  recordedIn,
  sendSome,
  startService,
  until,
  untilReady,
  untilTaken,
  waitingFor,
  type ServiceProcess,
} from '../service-process.js';

describe('two brokers, and records that both must have', () => {
  const brokers: LocalKafka[] = [];
  let folder: string;
  let door: ServiceProcess | undefined;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rapport-in-sync-'));
    // A broker that is killed is known to be gone after two seconds.
    const properties = { 'broker.session.timeout.ms': '2000', 'broker.heartbeat.interval.ms': '500' };
    const first = await startKafka({ properties });
    brokers.push(first, await startKafka({ properties, joins: first.cluster }));
  }, 180_000);
  afterEach(async () => {
    door?.child.kill('SIGKILL');
    await door?.ended;
    for (const broker of brokers.reverse()) await broker.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  it('refuse events while one is away, saying why, and lose none that was acknowledged', async () => {
    const addresses = brokers.flatMap((broker) => broker.brokers);
    door = startService('ingestion', {
      RAPPORT_DATA_DIR: folder,
      RAPPORT_EVENT_LOG: 'kafka',
      RAPPORT_KAFKA_BROKERS: addresses.join(),
      RAPPORT_KAFKA_REPLICAS: '2',
      RAPPORT_KAFKA_MIN_IN_SYNC: '2',
      RAPPORT_TOPICS: 'apply',
      RAPPORT_DOCUMENT_STORE: 'lmdb',
    });
    const url = await door.url();
    await untilReady(url);
    const acknowledged = await sendSome(url);
    expect(acknowledged).toHaveLength(5);

    await brokers[1]?.kill();
    // Some are refused at once and some time out: none is acknowledged once the cluster has noticed.
    const said = await until(
      'readiness says that replicas are missing',
      async () => {
        acknowledged.push(...(await sendSome(url)));
        return (await waitingFor(url)).find((line) => line.includes('EVENT_LOG_TOO_FEW_REPLICAS'));
      },
      90_000,
    );
    expect(said).toContain('event log, events.accepted.v1');
    expect(await sendSome(url)).toEqual([]);

    await brokers[1]?.start();
    acknowledged.push(...(await untilTaken(url, 90_000)));
    await untilReady(url);
    const log = await openKafkaEventLog({ brokers: addresses });
    const kept = await recordedIn(log, topics.accepted);
    await log.close();
    for (const id of acknowledged) expect(kept.filter((other) => other === id)).toEqual([id]);
  }, 300_000);
});
