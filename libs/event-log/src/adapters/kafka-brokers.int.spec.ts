import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { startKafka, type LocalKafka } from '@rapport/local-engines';
import type { NewRecord } from '../event-log.js';
import { partitionOfKey } from '../partitioner.js';
import { openKafkaEventLog } from './kafka-event-log.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('Kafka event log, seen from the brokers', () => {
  let one: LocalKafka;
  let two: LocalKafka;
  let admin: Admin;
  let brokers: readonly string[];
  beforeAll(async () => {
    one = await startKafka();
    two = await startKafka({ joins: one.cluster });
    brokers = [...one.brokers, ...two.brokers];
    admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
  }, 300_000);
  afterAll(async () => {
    await admin.disconnect();
    await two.dispose();
    await one.dispose();
  }, 60_000);

  const recordFor = (partition: number, text: string): NewRecord => {
    for (let n = 0; ; n++) {
      if (partitionOfKey(`k${n}`, 2) === partition) return { key: `k${n}`, value: Buffer.from(text) };
    }
  };

  it('acknowledges only what is in the log when leaders move', async () => {
    const topic = 'moves';
    // Missing in the types: where the replicas are, instead of how many.
    const onFirst = {
      topic,
      replicaAssignment: [0, 1].map((partition) => ({ partition, replicas: [1] })),
    };
    await admin.createTopics({ topics: [onFirst], waitForLeaders: true });
    const move = async (partition: number, to: number): Promise<void> => {
      const partitionAssignment = [{ partition, replicas: [to] }];
      await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] });
      for (;;) {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        const { leader } = topics[0]?.partitions.find(({ partitionId }) => partitionId === partition) ?? {};
        if (leader === to) break;
        await pause(100);
      }
      // The former leader learns it a moment later.
      await pause(1000);
    };
    const log = await openKafkaEventLog({ brokers });
    const put = async (text: string): Promise<readonly (number | undefined)[]> => {
      const positions = await Promise.all([0, 1].map((p) => log.append(topic, [recordFor(p, text)])));
      return positions.map(([position]) => position?.offset);
    };
    expect(await put('a')).toEqual([0, 0]);
    await move(1, 2);
    expect(await put('b')).toEqual([1, 1]);
    await move(0, 2);
    expect(await put('c')).toEqual([2, 2]);
    expect(await put('d')).toEqual([3, 3]);
    for (const partition of [0, 1]) {
      const records = await log.read(topic, partition, 0, 100);
      expect(records.map(({ value }) => Buffer.from(value ?? []).toString())).toEqual(['a', 'b', 'c', 'd']);
    }
    await log.close();
  }, 120_000);

  it.each([0, 5, 10])(
    'leaves nobody in the group when it is closed %i ms into a start',
    async (ms) => {
      const topic = `closed-${ms}`;
      const log = await openKafkaEventLog({ brokers });
      await log.ensureTopics([{ name: topic, partitions: 4, retentionMs: -1 }]);
      const starting = log.consume({ group: topic, topics: [topic], onBatch: () => Promise.resolve() });
      const started = expect(starting).rejects.toMatchObject({ code: expect.stringMatching(/^EVENT_LOG_/) });
      await (ms === 0 ? new Promise((resolve) => setImmediate(resolve)) : pause(ms));
      await log.close();
      await started;
      await pause(1500);
      const { groups } = await admin.describeGroups([topic]);
      expect(groups[0]?.members).toEqual([]);
    },
    60_000,
  );
});
