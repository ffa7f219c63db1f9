import { lastingHalfLifeMs, recentHalfLifeMs } from './decay.js';
import type { PartitionCounts } from './partition-counts.js';
import { TopList, type Ranked } from './top-list.js';

/** Items ranked over the whole shop and within each category. */
export interface RankedItems {
  readonly all: readonly Ranked[];
  readonly byCategory: ReadonlyMap<string, readonly Ranked[]>;
}

interface Lists {
  readonly asOfMs: number;
  readonly changes: number;
  readonly popular: RankedItems;
  readonly trending: RankedItems;
}

/** Long enough that exclusions do not empty it. */
const overallLength = 1_000;
const categoryLength = 200;
/** Lists are renewed at most this often while counts change, and this often while only time passes. */
const renewAfterMs = 1_000;
const renewIdleAfterMs = 60_000;
/** Interactions of the last day, below which nothing is called a trend. */
const trendSupport = 3;

/** Reads the counts of all partitions as one. */
export class ItemStatistics {
  #lists: Lists | undefined;
  #changes = 0;

  constructor(readonly partitions: () => Iterable<PartitionCounts>) {}

  /** Tells that counts changed. */
  changed(): void {
    this.#changes++;
  }

  /** Drops the ranked lists, so that the next question sees every count. */
  renew(): void {
    this.#lists = undefined;
  }

  /** Items that were turned to together with this one, with how much. */
  neighboursOf(item: string, nowMs: number): ReadonlyMap<string, number> {
    const sums = new Map<string, number>();
    for (const partition of this.partitions()) {
      const shard = partition.itemShard(item);
      const scale = shard.lasting.scaleAt(nowMs);
      for (const [other, count] of shard.items.get(item)?.together ?? []) {
        sums.set(other, (sums.get(other) ?? 0) + count * scale);
      }
    }
    return sums;
  }

  /** How much an item was turned to of late. */
  lastingOf(item: string, nowMs: number): number {
    let sum = 0;
    for (const partition of this.partitions()) {
      const shard = partition.itemShard(item);
      const record = shard.items.get(item);
      if (record !== undefined) sum += record.lasting * shard.lasting.scaleAt(nowMs);
    }
    return sum;
  }

  /** The category that an item was last seen with; empty when it never had one. */
  categoryOf(item: string): string {
    let category = '';
    let newestMs = -1;
    for (const partition of this.partitions()) {
      const record = partition.itemShard(item).items.get(item);
      if (record !== undefined && record.category !== '' && record.categoryAtMs > newestMs) {
        category = record.category;
        newestMs = record.categoryAtMs;
      }
    }
    return category;
  }

  /** The share of a segment's interactions that each of its items has. */
  sharesOf(segment: string): ReadonlyMap<string, number> {
    const records = [...this.partitions()].map(({ segmentShard }) => segmentShard);
    // Landmarks may differ between partitions: read all of them at one instant before adding.
    const atMs = Math.max(0, ...records.map(({ lasting }) => lasting.landmarkMs));
    const sums = new Map<string, number>();
    let total = 0;
    for (const shard of records) {
      const record = shard.segments.get(segment);
      if (record === undefined) continue;
      const scale = shard.lasting.scaleAt(atMs);
      total += record.total * scale;
      for (const [item, count] of record.items) sums.set(item, (sums.get(item) ?? 0) + count * scale);
    }
    for (const [item, sum] of sums) sums.set(item, sum / total);
    return sums;
  }

  popular(nowMs: number): RankedItems {
    return this.#current(nowMs).popular;
  }

  trending(nowMs: number): RankedItems {
    return this.#current(nowMs).trending;
  }

  #current(nowMs: number): Lists {
    const lists = this.#lists;
    if (lists !== undefined) {
      const ageMs = Math.abs(nowMs - lists.asOfMs);
      if (ageMs < (lists.changes === this.#changes ? renewIdleAfterMs : renewAfterMs)) return lists;
    }
    const renewed = this.#rank(nowMs);
    this.#lists = renewed;
    return renewed;
  }

  #rank(nowMs: number): Lists {
    const sums = new Map<string, { lasting: number; recent: number }>();
    for (const { itemShards } of this.partitions()) {
      for (const shard of itemShards) {
        const lastingScale = shard.lasting.scaleAt(nowMs);
        const recentScale = shard.recent.scaleAt(nowMs);
        for (const [item, record] of shard.items) {
          const sum = sums.get(item) ?? { lasting: 0, recent: 0 };
          sum.lasting += record.lasting * lastingScale;
          sum.recent += record.recent * recentScale;
          sums.set(item, sum);
        }
      }
    }
    const popular = new RankedLists((item) => this.categoryOf(item));
    const trending = new RankedLists((item) => this.categoryOf(item));
    for (const [item, { lasting, recent }] of sums) {
      popular.offer(item, lasting);
      const surprise = trendOf(lasting, recent);
      if (recent >= trendSupport && surprise > 0) trending.offer(item, surprise);
    }
    return { asOfMs: nowMs, changes: this.#changes, popular: popular.ranked(), trending: trending.ranked() };
  }
}

/** How far the last day exceeds what the last month lets one expect, in standard deviations of a Poisson count. */
function trendOf(lasting: number, recent: number): number {
  const expected = (lasting - recent) * (recentHalfLifeMs / (lastingHalfLifeMs - recentHalfLifeMs));
  return (recent - expected) / Math.sqrt(expected + 1);
}

class RankedLists {
  readonly #all = new TopList(overallLength);
  readonly #byCategory = new Map<string, TopList>();

  constructor(readonly categoryOf: (item: string) => string) {}

  offer(item: string, value: number): void {
    this.#all.offer(item, value);
    const category = this.categoryOf(item);
    if (category === '') return;
    let list = this.#byCategory.get(category);
    if (list === undefined) {
      list = new TopList(categoryLength);
      this.#byCategory.set(category, list);
    }
    list.offer(item, value);
  }

  ranked(): RankedItems {
    return {
      all: this.#all.list(),
      byCategory: new Map([...this.#byCategory].map(([category, list]) => [category, list.list()])),
    };
  }
}
