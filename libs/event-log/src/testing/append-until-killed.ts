// A process that appends as fast as it can and writes a line for each acknowledgement, until somebody kills it:
// node --import ./tools/jest/typescript-hooks.mjs append-until-killed.ts FOLDER TOPIC
import { openLmdbEventLog } from '../adapters/lmdb-event-log.js';

const [path = '', topic = ''] = process.argv.slice(2);
const log = await openLmdbEventLog({ path });
await log.ensureTopics([{ name: topic, partitions: 4, retentionMs: -1 }]);
await log.consume({ group: 'before-the-crash', topics: [topic], onBatch: () => Promise.resolve() });

async function append(worker: number): Promise<void> {
  for (let n = 0; ; n++) {
    const size = 1 + ((n * 7 + worker) % 20);
    const records = Array.from({ length: size }, (_, at) => ({
      key: `worker-${worker}`,
      value: Buffer.from(JSON.stringify({ worker, n, at, size, padding: 'x'.repeat((n * 31) % 700) })),
    }));
    const positions = await log.append(topic, records);
    process.stdout.write(
      `${JSON.stringify({ worker, n, size, positions: positions.map(({ partition, offset }) => [partition, offset]) })}\n`,
    );
  }
}
await Promise.all(Array.from({ length: 8 }, (_, worker) => append(worker)));
