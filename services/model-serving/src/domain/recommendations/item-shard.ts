import { Fading, lastingHalfLifeMs, recentHalfLifeMs } from './decay.js';

/** What is known of one item in one partition. */
export interface ItemRecord {
  /** Interactions, fading over a month. */
  lasting: number;
  /** Interactions, fading over a day. */
  recent: number;
  category: string;
  categoryAtMs: number;
  /** Pairs with other items, fading over a month. */
  readonly together: Map<string, number>;
}

/** A shard as it is stored. */
export interface ItemShardDocument {
  readonly kind: 'items';
  /** The last offset of the partition whose changes are in it; -1: none. */
  readonly applied: number;
  readonly lastingLandmarkMs: number;
  readonly recentLandmarkMs: number;
  /** item, lasting, recent, category, categoryAtMs, [other, count, other, count …] */
  readonly items: readonly (readonly [
    string,
    number,
    number,
    string,
    number,
    readonly (string | number)[],
  ])[];
}

/** Neighbours of an item that are kept. Pruned at twice as many, so that a newcomer has a chance to grow. */
export const maxNeighbours = 60;
/** Items of one shard that are kept, 32 shards to a partition. Pruned at a quarter more. */
export const maxItemsPerShard = 1_000;

/** Counts of the items that fall into one shard. Everything it does follows from the order of the calls alone. */
export class ItemShard {
  readonly items = new Map<string, ItemRecord>();
  readonly lasting = new Fading(lastingHalfLifeMs);
  readonly recent = new Fading(recentHalfLifeMs);
  applied = -1;

  static from(document: ItemShardDocument): ItemShard {
    const shard = new ItemShard();
    shard.applied = document.applied;
    shard.lasting.landmarkMs = document.lastingLandmarkMs;
    shard.recent.landmarkMs = document.recentLandmarkMs;
    for (const [item, lasting, recent, category, categoryAtMs, flat] of document.items) {
      const together = new Map<string, number>();
      for (let at = 0; at + 1 < flat.length; at += 2) together.set(String(flat[at]), Number(flat[at + 1]));
      shard.items.set(item, { lasting, recent, category, categoryAtMs, together });
    }
    return shard;
  }

  toDocument(): ItemShardDocument {
    return {
      kind: 'items',
      applied: this.applied,
      lastingLandmarkMs: this.lasting.landmarkMs,
      recentLandmarkMs: this.recent.landmarkMs,
      items: [...this.items].map(([item, { lasting, recent, category, categoryAtMs, together }]) => [
        item,
        lasting,
        recent,
        category,
        categoryAtMs,
        [...together].flat(),
      ]),
    };
  }

  /** Counts an interaction with an item of this shard. */
  countItem(item: string, weight: number, atMs: number, category: string | undefined): void {
    this.#prepare(atMs);
    const record = this.#record(item);
    record.lasting += weight * this.lasting.weightAt(atMs);
    record.recent += weight * this.recent.weightAt(atMs);
    if (category !== undefined && atMs >= record.categoryAtMs) {
      record.category = category;
      record.categoryAtMs = atMs;
    }
  }

  /** Counts a pair on the side of the item that falls into this shard. */
  countPair(item: string, other: string, weight: number, atMs: number): void {
    this.#prepare(atMs);
    const { together } = this.#record(item);
    together.set(other, (together.get(other) ?? 0) + weight * this.lasting.weightAt(atMs));
    if (together.size > 2 * maxNeighbours) keepLargest(together, maxNeighbours, (count) => count);
  }

  #record(item: string): ItemRecord {
    let record = this.items.get(item);
    if (record === undefined) {
      if (this.items.size >= maxItemsPerShard * 1.25)
        keepLargest(this.items, maxItemsPerShard, ({ lasting }) => lasting);
      record = { lasting: 0, recent: 0, category: '', categoryAtMs: 0, together: new Map() };
      this.items.set(item, record);
    }
    return record;
  }

  #prepare(atMs: number): void {
    if (this.lasting.needsNewLandmark(atMs)) {
      const factor = this.lasting.moveLandmark(atMs);
      for (const record of this.items.values()) {
        record.lasting *= factor;
        for (const [other, count] of record.together) record.together.set(other, count * factor);
      }
    }
    if (this.recent.needsNewLandmark(atMs)) {
      const factor = this.recent.moveLandmark(atMs);
      for (const record of this.items.values()) record.recent *= factor;
    }
  }
}

/** Drops all but the largest, ties by name, so that it never depends on who came first. */
export function keepLargest<V>(map: Map<string, V>, keep: number, sizeOf: (value: V) => number): void {
  const ordered = [...map].sort((a, b) => sizeOf(b[1]) - sizeOf(a[1]) || (a[0] < b[0] ? -1 : 1));
  for (const [name] of ordered.slice(keep)) map.delete(name);
}
