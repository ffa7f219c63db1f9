import { fnv1a32 } from '@rapport/kernel';
import { ItemShard, type ItemShardDocument } from './item-shard.js';
import { SegmentShard, type SegmentShardDocument } from './segment-shard.js';

/** An interaction to count: the item, and the items that the person turned to shortly before, the nearest first. */
export type CountOperation = readonly [
  item: string,
  weight: number,
  atMs: number,
  category: string | null,
  /** Which of the delta's segment sets the person was in. */
  segmentSet: number,
  before: readonly string[],
];

/** What a batch of changes adds, with the last offset of the batch. Written down before it is counted. */
export interface CountDelta {
  readonly kind: 'delta';
  readonly partition: number;
  readonly offset: number;
  readonly segmentSets: readonly (readonly string[])[];
  readonly operations: readonly CountOperation[];
}

export type ShardDocument = ItemShardDocument | SegmentShardDocument;

/** Item shards of a partition: so many that one stays below the 16 MB that a document may have, at the longest ids. */
export const itemShardCount = 32;

/**
 * What one partition of the stream has counted. Each shard says up to which offset it is complete and skips what it
 * already has, so shards that were stored at different moments come to the same state again.
 */
export class PartitionCounts {
  readonly itemShards = Array.from({ length: itemShardCount }, () => new ItemShard());
  segmentShard = new SegmentShard();
  readonly #touched = new Set<string>();
  /**
   * The last offset of a change that was counted. The furthest shard tells it after a restart: deltas are kept until
   * every shard that they touch is stored, so no shard stays behind.
   */
  applied = -1;

  /** Counts a delta where it is not counted yet. */
  apply(delta: CountDelta): void {
    const shards = this.itemShards.map((shard) => (shard.applied < delta.offset ? shard : undefined));
    const segments = this.segmentShard.applied < delta.offset ? this.segmentShard : undefined;
    for (const [item, weight, atMs, category, segmentSet, before] of delta.operations) {
      const at = shardOf(item);
      shards[at]?.countItem(item, weight, atMs, category ?? undefined);
      this.#touched.add(String(at));
      const names = delta.segmentSets[segmentSet] ?? [];
      if (names.length > 0) {
        segments?.count(names, item, weight, atMs);
        this.#touched.add('segments');
      }
      for (const [distance, other] of before.entries()) {
        const beside = shardOf(other);
        // The nearer two items were turned to, the more they have to do with each other.
        shards[at]?.countPair(item, other, 1 / (distance + 1), atMs);
        shards[beside]?.countPair(other, item, 1 / (distance + 1), atMs);
        this.#touched.add(String(beside));
      }
    }
    for (const shard of shards) if (shard !== undefined) shard.applied = delta.offset;
    if (segments !== undefined) segments.applied = delta.offset;
    this.applied = Math.max(this.applied, delta.offset);
  }

  itemShard(item: string): ItemShard {
    const shard = this.itemShards[shardOf(item)];
    if (shard === undefined) throw new Error(`no shard for ${item}`);
    return shard;
  }

  /** Puts a stored shard in its place. */
  restore(name: string, document: ShardDocument): void {
    if (document.kind === 'segments') this.segmentShard = SegmentShard.from(document);
    else this.itemShards[Number(name)] = ItemShard.from(document);
    this.applied = Math.max(this.applied, document.applied);
  }

  /** Every shard by name; `touched` says whether it changed since `stored` was called. */
  *shards(): Iterable<{
    readonly name: string;
    readonly touched: boolean;
    readonly toDocument: () => ShardDocument;
  }> {
    for (const [at, shard] of this.itemShards.entries()) {
      yield {
        name: String(at),
        touched: this.#touched.has(String(at)),
        toDocument: () => shard.toDocument(),
      };
    }
    yield {
      name: 'segments',
      touched: this.#touched.has('segments'),
      toDocument: () => this.segmentShard.toDocument(),
    };
  }

  /** Forgets what was touched: it is stored. */
  stored(): void {
    this.#touched.clear();
  }
}

const shardOf = (item: string): number => fnv1a32(item) % itemShardCount;
