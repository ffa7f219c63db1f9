import type { Database } from 'lmdb';
import type { LogRecord } from '../../event-log.js';
import { decodeChunk, recordsOf } from './chunk.js';
import type { ChunkMemory } from './chunk-memory.js';

/** A key that sorts by topic, partition and offset: topic number u16, partition u16, offset f64, big-endian. */
export function chunkKey(topicId: number, partition: number, offset: number): Buffer {
  const key = Buffer.allocUnsafe(12);
  key.writeUInt16BE(topicId, 0);
  key.writeUInt16BE(partition, 2);
  key.writeDoubleBE(offset, 4);
  return key;
}

export const offsetOfKey = (key: Buffer): number => key.readDoubleBE(4);

interface WarmChunk {
  readonly first: number;
  readonly last: number;
  /** As it was stored: a chunk holds far less than the objects of its records, which would outlive their readers. */
  readonly chunk: Buffer;
  /** What the chunk lies in. */
  readonly piece: Buffer;
}

/** Newest chunks kept in memory per partition, so that consumers at the end of the log read no disk page. */
const warmBytes = 1024 * 1024;

/** One partition of one topic: its bounds, its newest records, and who waits for more. */
export class PartitionLog {
  /** Offset after the last durable record. Readers never see further: what a power cut may take back was never shown. */
  end: number;
  first: number;
  /** What a chunk took lately: the next one is given as much room at once. */
  usualChunkBytes = 4096;
  readonly #chunks: Database<Buffer, Buffer>;
  readonly #waiting = new Set<() => void>();
  readonly #pieces: ChunkMemory;
  #warm: WarmChunk[] = [];
  #warmSize = 0;

  constructor(
    chunks: Database<Buffer, Buffer>,
    readonly topic: string,
    readonly topicId: number,
    readonly partition: number,
    bounds: { readonly first: number; readonly end: number },
    pieces: ChunkMemory,
  ) {
    this.#chunks = chunks;
    this.#pieces = pieces;
    this.first = bounds.first;
    this.end = bounds.end;
  }

  /** The records of the chunk that holds the first record at or after `offset`; empty at the end. */
  chunkFrom(offset: number): readonly LogRecord[] {
    if (offset >= this.end) return [];
    const warm = this.#warmFrom(offset);
    if (warm !== undefined) return warm;
    const range = {
      start: chunkKey(this.topicId, this.partition, offset),
      end: chunkKey(this.topicId, this.partition, this.end),
    };
    for (const { value } of this.#chunks.getRange(range)) {
      const records = decodeChunk(value, this.topic, this.partition);
      if ((records.at(-1)?.offset ?? -1) >= offset)
        return (records[0]?.offset ?? 0) >= offset
          ? records
          : records.filter((record) => record.offset >= offset);
    }
    return [];
  }

  /** Makes what was flushed visible and wakes whoever waits. */
  advance(end: number, chunks: readonly WarmChunk[]): void {
    this.end = end;
    for (const chunk of chunks) {
      this.#warm.push(chunk);
      this.#warmSize += chunk.piece.length;
    }
    let surplus = 0;
    while (this.#warmSize > warmBytes && surplus < this.#warm.length - 1) this.#cool(this.#warm[surplus++]);
    if (surplus > 0) this.#warm.splice(0, surplus);
    for (const wake of this.#waiting) wake();
  }

  /** Compaction and retention changed what is stored. */
  forgetWarm(): void {
    for (const chunk of this.#warm.splice(0)) this.#cool(chunk);
  }

  /** Calls back on every advance until the answer is called. */
  onAdvance(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  #cool(chunk: WarmChunk | undefined): void {
    if (chunk === undefined) return;
    this.#warmSize -= chunk.piece.length;
    this.#pieces.give(chunk.piece);
  }

  #warmFrom(offset: number): readonly LogRecord[] | undefined {
    const oldest = this.#warm[0];
    if (oldest === undefined || offset < oldest.first) return undefined;
    // Consumers are mostly at the very end, so look from there.
    for (let at = this.#warm.length - 1; at >= 0; at--) {
      const chunk = this.#warm[at];
      if (chunk !== undefined && chunk.first <= offset)
        // A copy: the piece is used again, perhaps while somebody still has the records.
        return recordsOf(Buffer.from(chunk.chunk), this.topic, this.partition).slice(offset - chunk.first);
    }
    return undefined;
  }
}

export type { WarmChunk };
