import { Fading, lastingHalfLifeMs } from './decay.js';
import { keepLargest } from './item-shard.js';

/** Items that people of a segment turn to. */
export interface SegmentRecord {
  total: number;
  readonly items: Map<string, number>;
}

/** The segments of a partition as they are stored. */
export interface SegmentShardDocument {
  readonly kind: 'segments';
  readonly applied: number;
  readonly landmarkMs: number;
  /** segment, total, [item, count, item, count …] */
  readonly segments: readonly (readonly [string, number, readonly (string | number)[]])[];
}

/** Segments that are counted, the largest. Pruned at a quarter more. */
const maxSegments = 64;
/** Items of a segment that are kept. Pruned at twice as many. */
const maxItemsPerSegment = 300;

/** Popularity by segment in one partition. */
export class SegmentShard {
  readonly segments = new Map<string, SegmentRecord>();
  readonly lasting = new Fading(lastingHalfLifeMs);
  applied = -1;

  static from(document: SegmentShardDocument): SegmentShard {
    const shard = new SegmentShard();
    shard.applied = document.applied;
    shard.lasting.landmarkMs = document.landmarkMs;
    for (const [segment, total, flat] of document.segments) {
      const items = new Map<string, number>();
      for (let at = 0; at + 1 < flat.length; at += 2) items.set(String(flat[at]), Number(flat[at + 1]));
      shard.segments.set(segment, { total, items });
    }
    return shard;
  }

  toDocument(): SegmentShardDocument {
    return {
      kind: 'segments',
      applied: this.applied,
      landmarkMs: this.lasting.landmarkMs,
      segments: [...this.segments].map(([segment, { total, items }]) => [segment, total, [...items].flat()]),
    };
  }

  /** Counts an interaction of a person who is in these segments. */
  count(segments: readonly string[], item: string, weight: number, atMs: number): void {
    if (this.lasting.needsNewLandmark(atMs)) {
      const factor = this.lasting.moveLandmark(atMs);
      for (const record of this.segments.values()) {
        record.total *= factor;
        for (const [known, count] of record.items) record.items.set(known, count * factor);
      }
    }
    const added = weight * this.lasting.weightAt(atMs);
    for (const segment of segments) {
      const record = this.#record(segment);
      record.total += added;
      record.items.set(item, (record.items.get(item) ?? 0) + added);
      if (record.items.size > 2 * maxItemsPerSegment)
        keepLargest(record.items, maxItemsPerSegment, (count) => count);
    }
  }

  #record(segment: string): SegmentRecord {
    let record = this.segments.get(segment);
    if (record === undefined) {
      if (this.segments.size >= maxSegments * 1.25)
        keepLargest(this.segments, maxSegments, ({ total }) => total);
      record = { total: 0, items: new Map() };
      this.segments.set(segment, record);
    }
    return record;
  }
}
