// A member of a consumer group that "writes" (prints a line) for each batch, slowly, after checking that it still owns
// the partition: node --import ./tools/jest/typescript-hooks.mjs member-until-killed.ts BROKERS TOPIC GROUP SESSION_MS
import { openKafkaEventLog } from '../adapters/kafka-event-log.js';

const [brokers = '', topic = '', group = '', session = ''] = process.argv.slice(2);
const log = await openKafkaEventLog({ brokers: brokers.split(','), sessionTimeoutMs: Number(session) });
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
await log.consume({
  group,
  topics: [topic],
  maxBatch: 5,
  onBatch: async (batch) => {
    const offsets = batch.records.map((record) => record.offset);
    say({ began: batch.partition, offsets });
    for (let step = 0; step < 10; step++) await new Promise((resolve) => setTimeout(resolve, 20));
    if (!batch.owned()) {
      say({ disowned: batch.partition, offsets });
      throw new Error('another member has the partition now');
    }
    say({ wrote: batch.partition, offsets, at: Date.now() });
  },
});
say({ ready: true });
