import { beforeAll } from '@jest/globals';
import { sharedKafka } from '@rapport/local-engines';
import { eventLogContract } from './event-log.contract.js';
import { openKafkaEventLog } from './kafka-event-log.js';

let brokers: readonly string[] = [];
beforeAll(async () => {
  ({ brokers } = await sharedKafka());
}, 180_000);

eventLogContract(
  'Kafka',
  () =>
    Promise.resolve({
      open: () => openKafkaEventLog({ brokers, sessionTimeoutMs: 10_000 }),
      dispose: () => Promise.resolve(),
    }),
  { ordersTopics: false, handoverMs: 30_000 },
);
