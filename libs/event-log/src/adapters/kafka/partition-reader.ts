import type { Kafka, KafkaMessage } from 'kafkajs';
import type { LogRecord } from '../../event-log.js';
import { innerCluster, type InnerCluster } from './inner-cluster.js';
import { logRecordOf } from './kafka-records.js';

const pageBytes = 4 * 1024 * 1024;
/** How long the broker may wait for a record that is not there. */
const waitMs = 1;

/** Reads a partition from any offset, without a group. */
export class PartitionReader {
  readonly #cluster: InnerCluster;
  #connected: Promise<void> | undefined;

  constructor(kafka: Kafka) {
    this.#cluster = innerCluster(kafka);
  }

  async read(
    topic: string,
    partition: number,
    fromOffset: number,
    max: number,
    end: number,
  ): Promise<readonly LogRecord[]> {
    const records: LogRecord[] = [];
    let offset = fromOffset;
    while (records.length < max && offset < end) {
      const page = await this.#page(topic, partition, offset);
      const fresh = page.filter((message) => Number(message.offset) >= offset);
      const last = fresh.at(-1);
      // Compaction or an aborted write left nothing up to the end.
      if (last === undefined) break;
      for (const message of fresh) {
        if (records.length < max && message.isControlRecord !== true)
          records.push(logRecordOf(topic, partition, message));
      }
      offset = Number(last.offset) + 1;
    }
    return records;
  }

  async close(): Promise<void> {
    if (this.#connected !== undefined) await this.#cluster.disconnect().catch(() => undefined);
  }

  async #page(
    topic: string,
    partition: number,
    offset: number,
  ): Promise<readonly (KafkaMessage & { readonly isControlRecord?: boolean })[]> {
    this.#connected ??= this.#cluster.connect();
    try {
      await this.#connected;
    } catch (thrown) {
      this.#connected = undefined;
      throw thrown;
    }
    await this.#cluster.addTargetTopic(topic);
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#cluster.refreshMetadataIfNecessary();
        const [nodeId] = Object.keys(this.#cluster.findLeaderForPartitions(topic, [partition]));
        const broker = await this.#cluster.findBroker({ nodeId: nodeId ?? '' });
        const answer = await broker.fetch({
          maxWaitTime: waitMs,
          minBytes: 1,
          maxBytes: pageBytes,
          isolationLevel: 1,
          rackId: '',
          topics: [{ topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes: pageBytes }] }],
        });
        return answer.responses[0]?.partitions[0]?.messages ?? [];
      } catch (thrown) {
        if (attempt === 5) throw thrown;
        await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** attempt));
        await this.#cluster.refreshMetadata().catch(() => undefined);
      }
    }
  }
}
