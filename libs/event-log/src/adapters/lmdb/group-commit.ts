import type { RootDatabase, Database } from 'lmdb';
import { RapportError } from '@rapport/kernel';
import type { NewRecord, Position } from '../../event-log.js';
import { partitionOfKey } from '../../partitioner.js';
import { ChunkBuilder, chunkBytes } from './chunk.js';
import type { ChunkMemory } from './chunk-memory.js';
import { chunkKey, type PartitionLog, type WarmChunk } from './partition-log.js';
import { causeOfCommit } from '@rapport/lmdb-commits';

/** Bytes that may wait for a flush; beyond, an append is refused so that memory stays bounded. */
const maxWaitingBytes = 256 * 1024 * 1024;

interface Call {
  readonly topic: TopicPartitions;
  readonly partitions: Uint16Array;
  /** The record's number within what this flush adds to its partition. */
  readonly ordinals: Uint32Array;
  readonly resolve: (positions: readonly Position[]) => void;
  readonly reject: (thrown: unknown) => void;
}

/** What one flush will write: everything that was appended while the flush before it was under way. */
class Flush {
  readonly calls: Call[] = [];
  readonly chunks = new Map<PartitionLog, { readonly builders: ChunkBuilder[]; count: number }>();
  bytes = 0;
}

export interface TopicPartitions {
  readonly name: string;
  readonly partitions: readonly PartitionLog[];
}

/**
 * Group commit: one flush at a time; appends that arrive meanwhile are encoded at once and go into the next one
 * together. One LMDB transaction per flush, one entry per partition and chunk, acknowledged when it is durable.
 */
export class GroupCommit {
  readonly #root: RootDatabase;
  readonly #chunks: Database<Buffer, Buffer>;
  readonly #alongside: () => void;
  readonly #pieces: ChunkMemory;
  #next = new Flush();
  #running: Promise<void> | undefined;

  /** `alongside` is called inside each transaction, to write what need not cause one by itself. */
  constructor(
    root: RootDatabase,
    chunks: Database<Buffer, Buffer>,
    pieces: ChunkMemory,
    alongside: () => void,
  ) {
    this.#root = root;
    this.#pieces = pieces;
    this.#chunks = chunks;
    this.#alongside = alongside;
  }

  append(topic: TopicPartitions, records: readonly NewRecord[], nowMs: number): Promise<readonly Position[]> {
    if (records.length === 0) return Promise.resolve([]);
    const flush = this.#next;
    if (flush.bytes > maxWaitingBytes) {
      return Promise.reject(
        new RapportError(
          'EVENT_LOG_OVERLOADED',
          'exhausted',
          `${flush.bytes} bytes wait for the disk already; append again later`,
        ),
      );
    }
    const partitions = new Uint16Array(records.length);
    const ordinals = new Uint32Array(records.length);
    for (let i = 0; i < records.length; i++) {
      const record = records[i];
      if (record === undefined) continue;
      const number = partitionOfKey(record.key, topic.partitions.length);
      partitions[i] = number;
      const log = topic.partitions[number];
      if (log === undefined) throw new Error('a partition is missing');
      ordinals[i] = this.#add(flush, log, record, record.timestampMs ?? nowMs);
    }
    return new Promise((resolve, reject) => {
      flush.calls.push({ topic, partitions, ordinals, resolve, reject });
      this.#start();
    });
  }

  /** Resolves when everything handed over so far, `alongside` included, is durable. */
  async drain(): Promise<void> {
    await this.#running;
    await this.#write(new Flush());
  }

  #add(flush: Flush, log: PartitionLog, record: NewRecord, timestampMs: number): number {
    let entry = flush.chunks.get(log);
    if (entry === undefined) flush.chunks.set(log, (entry = { builders: [this.#builder(log)], count: 0 }));
    let builder = entry.builders.at(-1);
    if (builder === undefined || builder.bytes >= chunkBytes)
      entry.builders.push((builder = this.#builder(log)));
    const before = builder.bytes;
    builder.add(record, timestampMs, builder.count);
    flush.bytes += builder.bytes - before;
    return entry.count++;
  }

  #builder(log: PartitionLog): ChunkBuilder {
    return new ChunkBuilder(this.#pieces, log.usualChunkBytes);
  }

  #start(): void {
    if (this.#running !== undefined) return;
    // Once per turn of the event loop: requests that came in together are flushed together.
    this.#running = new Promise<void>((done) => setImmediate(done)).then(() => this.#loop());
  }

  async #loop(): Promise<void> {
    while (this.#next.calls.length > 0) {
      const flush = this.#next;
      this.#next = new Flush();
      try {
        await this.#write(flush);
      } catch (thrown) {
        const failure = new RapportError(
          'EVENT_LOG_WRITE_FAILED',
          'unavailable',
          `the records could not be written to disk: ${await causeOfCommit(thrown)}; free space, or see what the disk has`,
        );
        for (const call of flush.calls) call.reject(failure);
      }
    }
    this.#running = undefined;
  }

  async #write(flush: Flush): Promise<void> {
    const advances: (() => void)[] = [];
    const firsts = new Map<PartitionLog, number>();
    // Everything within one batch is one transaction.
    await this.#root.batch(() => {
      for (const [log, { builders, count }] of flush.chunks) {
        firsts.set(log, log.end);
        const warm: WarmChunk[] = [];
        let first = log.end;
        for (const builder of builders) {
          const bytes = builder.seal(first);
          log.usualChunkBytes = bytes.length + (bytes.length >> 2);
          const last = first + builder.count - 1;
          void this.#chunks.put(chunkKey(log.topicId, log.partition, last), bytes);
          warm.push({ first, last, chunk: bytes, piece: builder.piece });
          first = last + 1;
        }
        advances.push(() => log.advance(log.end + count, warm));
      }
      this.#alongside();
    });
    // A snapshot that was opened earlier in this turn of the event loop would not hold what is now shown to be there.
    this.#root.resetReadTxn();
    for (const advance of advances) advance();
    for (const call of flush.calls) call.resolve(positionsOf(call, firsts));
    // LMDB's chain of promises may point at this flush for long; what waited for it must not stay with it.
    flush.calls.length = 0;
    flush.chunks.clear();
    advances.length = 0;
  }
}

function positionsOf(call: Call, firsts: ReadonlyMap<PartitionLog, number>): Position[] {
  const positions: Position[] = new Array<Position>(call.ordinals.length);
  for (let i = 0; i < positions.length; i++) {
    const partition = call.partitions[i] ?? 0;
    const log = call.topic.partitions[partition];
    const first = log === undefined ? 0 : (firsts.get(log) ?? 0);
    positions[i] = { partition, offset: first + (call.ordinals[i] ?? 0) };
  }
  return positions;
}
