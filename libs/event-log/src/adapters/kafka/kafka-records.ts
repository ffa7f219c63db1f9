import type { IHeaders, KafkaMessage } from 'kafkajs';
import type { LogRecord } from '../../event-log.js';

const noHeaders: Readonly<Record<string, string>> = Object.freeze({});

/** A record as the port has it. */
export function logRecordOf(topic: string, partition: number, message: KafkaMessage): LogRecord {
  return {
    topic,
    partition,
    offset: Number(message.offset),
    key: message.key?.toString('utf8') ?? '',
    value: message.value,
    headers: headersOf(message.headers),
    timestampMs: Number(message.timestamp),
  };
}

function headersOf(given: IHeaders | undefined): Readonly<Record<string, string>> {
  if (given === undefined) return noHeaders;
  const headers: Record<string, string> = {};
  for (const name of Object.keys(given)) {
    const value = given[name];
    // A header that was given several times: the last one holds, as in a map.
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last !== undefined) headers[name] = last.toString();
  }
  return headers;
}
