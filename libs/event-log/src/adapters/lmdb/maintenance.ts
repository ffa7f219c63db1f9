import type { Database, RootDatabase } from 'lmdb';
import type { LogRecord, TopicContract } from '../../event-log.js';
import { ChunkBuilder, chunkBytes, countOf, decodeChunk, newestTimestampOf } from './chunk.js';
import { ChunkMemory } from './chunk-memory.js';
import { chunkKey, offsetOfKey, type PartitionLog } from './partition-log.js';

export interface MaintainedStores {
  readonly root: RootDatabase;
  readonly chunks: Database<Buffer, Buffer>;
  readonly bounds: Database<{ first: number; end: number }, [string, number]>;
}

/** Tombstones stay this long after compaction could drop them, so that slow consumers still see the removal. */
const tombstoneMs = 24 * 3_600_000;
/** Chunks looked at in one turn of the event loop. */
const chunksPerTurn = 32;

/** Drops expired chunks from the head of each partition, then compacts where the contract says so. */
export async function maintainTopic(
  stores: MaintainedStores,
  contract: TopicContract,
  partitions: readonly PartitionLog[],
  nowMs: number,
): Promise<void> {
  for (const log of partitions) {
    if (contract.retentionMs >= 0) await expire(stores, log, nowMs - contract.retentionMs);
    if (contract.compacted === true) await compact(stores, log, nowMs);
  }
}

async function expire(stores: MaintainedStores, log: PartitionLog, beforeMs: number): Promise<void> {
  const expired: Buffer[] = [];
  for (const { key, value } of stores.chunks.getRange(wholeRange(log))) {
    if (newestTimestampOf(value) >= beforeMs) break;
    expired.push(Buffer.from(key));
  }
  const last = expired.at(-1);
  if (last === undefined) return;
  const first = offsetOfKey(last) + 1;
  const end = log.end;
  // Readers move first: nobody is sent to a chunk that is about to go.
  log.first = first;
  log.forgetWarm();
  await stores.root.batch(() => {
    void stores.bounds.put([log.topic, log.partition], { first, end });
    for (const key of expired) void stores.chunks.remove(key);
  });
}

/** Keeps the newest record of each key. Chunks are rewritten oldest first, small neighbours become one. */
async function compact(stores: MaintainedStores, log: PartitionLog, nowMs: number): Promise<void> {
  const end = log.end;
  const newest = await newestOffsets(stores, log, end);
  const pieces = new ChunkMemory();
  let builder = new ChunkBuilder(pieces);
  let first = -1;
  let replaced: Buffer[] = [];
  let untouched = true;
  const flush = async (): Promise<void> => {
    const last = replaced.at(-1);
    if (last !== undefined && !(untouched && replaced.length === 1))
      await replace(stores, log, end, replaced, builder, first);
    [builder, first, replaced, untouched] = [new ChunkBuilder(pieces), -1, [], true];
  };
  for await (const { key, value } of chunksOf(stores, log, end)) {
    const records = decodeChunk(value, log.topic, log.partition);
    const kept = records.filter((record) => isKept(record, newest, nowMs));
    if (kept.length !== countOf(value)) untouched = false;
    replaced.push(key);
    for (const record of kept) {
      if (first === -1) first = record.offset;
      builder.add(record, record.timestampMs, record.offset - first);
    }
    if (builder.bytes >= chunkBytes) await flush();
  }
  await flush();
  log.forgetWarm();
}

async function replace(
  stores: MaintainedStores,
  log: PartitionLog,
  end: number,
  replaced: readonly Buffer[],
  builder: ChunkBuilder,
  first: number,
): Promise<void> {
  await stores.root.batch(() => {
    for (const key of replaced) void stores.chunks.remove(key);
    const last = replaced.at(-1);
    if (builder.count > 0 && last !== undefined) void stores.chunks.put(last, builder.seal(first));
    // The end must survive also when compaction takes the last chunk.
    void stores.bounds.put([log.topic, log.partition], { first: log.first, end });
  });
}

function isKept(record: LogRecord, newest: ReadonlyMap<string, number>, nowMs: number): boolean {
  if (newest.get(record.key) !== record.offset) return false;
  return record.value !== null || record.timestampMs >= nowMs - tombstoneMs;
}

async function newestOffsets(
  stores: MaintainedStores,
  log: PartitionLog,
  end: number,
): Promise<ReadonlyMap<string, number>> {
  const newest = new Map<string, number>();
  for await (const { value } of chunksOf(stores, log, end)) {
    for (const record of decodeChunk(value, log.topic, log.partition)) newest.set(record.key, record.offset);
  }
  return newest;
}

/** The chunks of a partition up to an offset, read a few at a time, so that requests are served in between. */
async function* chunksOf(
  stores: MaintainedStores,
  log: PartitionLog,
  end: number,
): AsyncGenerator<{ key: Buffer; value: Buffer }> {
  let from = 0;
  while (from < end) {
    const range = {
      start: chunkKey(log.topicId, log.partition, from),
      end: chunkKey(log.topicId, log.partition, end),
      limit: chunksPerTurn,
    };
    const some = [...stores.chunks.getRange(range)].map(({ key, value }) => ({
      key: Buffer.from(key),
      value,
    }));
    yield* some;
    const last = some.at(-1);
    if (last === undefined) return;
    from = offsetOfKey(last.key) + 1;
    await new Promise<void>((next) => setImmediate(next));
  }
}

function wholeRange(log: PartitionLog): { start: Buffer; end: Buffer } {
  return {
    start: chunkKey(log.topicId, log.partition, 0),
    end: chunkKey(log.topicId, log.partition, Number.MAX_VALUE),
  };
}
