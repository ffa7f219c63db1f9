import { crc32 } from 'node:zlib';
import { RapportError } from '@rapport/kernel';
import type { LogRecord, NewRecord } from '../../event-log.js';
import type { ChunkMemory } from './chunk-memory.js';

// One chunk holds the records that one flush adds to one partition. Little-endian:
//   header  crc32 of all that follows u32 | format u32 | records u32 | largest frame u32 | first offset f64 | newest timestamp f64
//   record  offset - first offset u32 | key bytes u32 | header bytes u32 | value bytes u32 (all ones: null) | timestamp f64
//           | key | headers as JSON | value
const headerBytes = 32;
const frameBytes = 24;
const format = 1;
const noValue = 0xffffffff;
/** A chunk is closed at this size: LMDB wants large values in one run of pages, and a reader decodes whole chunks. */
export const chunkBytes = 256 * 1024;

const noHeaders: Readonly<Record<string, string>> = Object.freeze({});

/** Records on their way into one chunk; their offsets are known when it is sealed. */
export class ChunkBuilder {
  #buffer: Buffer;
  #length = headerBytes;
  #newestMs = -Infinity;
  #count = 0;

  /** `expectedBytes`: what the chunk will probably take; a good guess spares copying. */
  constructor(
    private readonly pieces: ChunkMemory,
    expectedBytes = 4096,
  ) {
    this.#buffer = pieces.take(expectedBytes);
  }

  /** What the chunk lies in; whoever has it last gives it back. */
  get piece(): Buffer {
    return this.#buffer;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#length;
  }

  add(record: NewRecord, timestampMs: number, delta: number): void {
    const { key, value } = record;
    const headers = record.headers === undefined ? '' : JSON.stringify(record.headers);
    const valueBytes = value === null ? 0 : value.byteLength;
    // UTF-8 needs at most three bytes for each UTF-16 unit.
    this.#reserve(frameBytes + (key.length + headers.length) * 3 + valueBytes);
    const buffer = this.#buffer;
    const frame = this.#length;
    const keyAt = frame + frameBytes;
    const keyBytes = buffer.write(key, keyAt, 'utf8');
    const headersAt = keyAt + keyBytes;
    const headersBytes = headers === '' ? 0 : buffer.write(headers, headersAt, 'utf8');
    const valueAt = headersAt + headersBytes;
    if (value !== null) buffer.set(value, valueAt);
    buffer.writeUInt32LE(delta, frame);
    buffer.writeUInt32LE(keyBytes, frame + 4);
    buffer.writeUInt32LE(headersBytes, frame + 8);
    buffer.writeUInt32LE(value === null ? noValue : valueBytes, frame + 12);
    buffer.writeDoubleLE(timestampMs, frame + 16);
    this.#length = valueAt + valueBytes;
    this.#newestMs = Math.max(this.#newestMs, timestampMs);
    this.#count++;
  }

  /** The bytes to store. Nothing may be added afterwards. */
  seal(firstOffset: number): Buffer {
    const chunk = this.#buffer.subarray(0, this.#length);
    chunk.writeUInt32LE(format, 4);
    chunk.writeUInt32LE(this.#count, 8);
    chunk.writeUInt32LE(0, 12);
    chunk.writeDoubleLE(firstOffset, 16);
    chunk.writeDoubleLE(this.#newestMs, 24);
    chunk.writeUInt32LE(crc32(chunk.subarray(4)), 0);
    return chunk;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = this.pieces.take(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.pieces.give(this.#buffer);
    this.#buffer = larger;
  }
}

/** The timestamp of a chunk's newest record, without decoding it. */
export const newestTimestampOf = (chunk: Buffer): number => chunk.readDoubleLE(24);
/** How many records a chunk holds, without decoding it. */
export const countOf = (chunk: Buffer): number => chunk.readUInt32LE(8);

/** Decodes a stored chunk; throws EVENT_LOG_CORRUPT when a single bit of it is not as it was written. */
export function decodeChunk(chunk: Buffer, topic: string, partition: number): LogRecord[] {
  if (chunk.length < headerBytes || crc32(chunk.subarray(4)) !== chunk.readUInt32LE(0))
    throw corrupt(topic, partition, chunk);
  if (chunk.readUInt32LE(4) !== format) throw corrupt(topic, partition, chunk);
  return recordsOf(chunk, topic, partition);
}

/** The records of a chunk that has not left this process since it was sealed. */
export function recordsOf(chunk: Buffer, topic: string, partition: number): LogRecord[] {
  const firstOffset = chunk.readDoubleLE(16);
  const records: LogRecord[] = [];
  let frame = headerBytes;
  while (frame < chunk.length) {
    const keyAt = frame + frameBytes;
    const headersAt = keyAt + chunk.readUInt32LE(frame + 4);
    const valueAt = headersAt + chunk.readUInt32LE(frame + 8);
    const valueBytes = chunk.readUInt32LE(frame + 12);
    const end = valueBytes === noValue ? valueAt : valueAt + valueBytes;
    records.push({
      topic,
      partition,
      offset: firstOffset + chunk.readUInt32LE(frame),
      key: chunk.toString('utf8', keyAt, headersAt),
      value: valueBytes === noValue ? null : chunk.subarray(valueAt, end),
      headers:
        headersAt === valueAt
          ? noHeaders
          : (JSON.parse(chunk.toString('utf8', headersAt, valueAt)) as Record<string, string>),
      timestampMs: chunk.readDoubleLE(frame + 16),
    });
    frame = end;
  }
  return records;
}

function corrupt(topic: string, partition: number, chunk: Buffer): RapportError {
  return new RapportError(
    'EVENT_LOG_CORRUPT',
    'internal',
    `a chunk of ${topic} partition ${partition} (${chunk.length} bytes) does not match its checksum: the disk or the file changed what was written. ` +
      'Restore the data folder from a copy; the records before it can still be read',
  );
}
