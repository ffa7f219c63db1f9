import { KafkaJSConnectionError, KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } from 'kafkajs';
import { expect, it } from '@jest/globals';
import { kafkaError, refusalOf } from './kafka-client.js';

const connection = { brokers: ['broker-1:9092'] };

/** A protocol error as kafkajs hands it out after its last attempt. */
function protocolError(type: string): Error {
  const cause = new KafkaJSProtocolError(new Error(`said ${type}`));
  Object.assign(cause, { type });
  return new KafkaJSNumberOfRetriesExceeded(cause, { retryCount: 3, retryTime: 100 });
}

it.each([
  ['NOT_ENOUGH_REPLICAS', 'EVENT_LOG_TOO_FEW_REPLICAS'],
  ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'EVENT_LOG_TOO_FEW_REPLICAS'],
  ['INVALID_REPLICATION_FACTOR', 'EVENT_LOG_TOO_FEW_BROKERS'],
])('says in its own words what %s means', (type, code) => {
  const thrown = protocolError(type);
  Object.assign(thrown, { cause: Object.assign(new Error(type), { type }) });
  expect(kafkaError(thrown, connection, 'EVENT_LOG_WRITE_FAILED').code).toBe(code);
});

it('names the brokers that did not answer, and keeps what is ours as it is', () => {
  const refused = kafkaError(
    new KafkaJSConnectionError('connect ECONNREFUSED', { broker: 'broker-1:9092', code: 'ECONNREFUSED' }),
    connection,
  );
  expect(refused).toMatchObject({
    code: 'EVENT_LOG_UNREACHABLE',
    status: 'unavailable',
    message: expect.stringContaining('broker-1:9092'),
  });
  expect(kafkaError(refused, connection)).toBe(refused);
});

it('says why an append is being repeated', () => {
  const said = 'Messages are rejected since there are fewer in-sync replicas than required';
  expect(refusalOf(said, connection)).toMatch(
    /^EVENT_LOG_TOO_FEW_REPLICAS: .*min\.insync\.replicas.*brokers back/,
  );
  expect(refusalOf('Connection error: connect ECONNREFUSED', connection)).toBe(
    'Kafka at broker-1:9092: Connection error: connect ECONNREFUSED',
  );
});
