import type { Collection, DocumentStore } from '@rapport/document-store';
import type { ProfileId } from '@rapport/kernel';
import type { Membership, SegmentMembers } from '../ports/segment-members.js';
import { separator } from './store-key.js';

interface MemberDocument {
  readonly since: number;
}

const afterSeparator = '\u0001';
const idOf = (segment: string, profileId: string): string => `${segment}${separator}${profileId}`;
const pageSize = 500;

/** One document per person and segment, by segment. Counts are made once and kept up as members come and go. */
export class DocumentSegmentMembers implements SegmentMembers {
  readonly #counts = new Map<string, Counting>();

  private constructor(
    private readonly members: Collection<MemberDocument>,
    /** False while other processes write members too: then a count is made anew when it is older than 10 s. */
    private readonly isAlone: () => boolean,
  ) {}

  static async open(store: DocumentStore, isAlone: () => boolean): Promise<DocumentSegmentMembers> {
    return new DocumentSegmentMembers(
      await store.collection<MemberDocument>({ name: 'profiles.members' }),
      isAlone,
    );
  }

  async set(memberships: readonly Membership[]): Promise<void> {
    const ids = memberships.map(({ segment, profileId }) => idOf(segment, profileId));
    const before = await this.members.getMany(ids);
    const moved = memberships.filter(({ sinceMs }, index) => before[index]?.doc.since !== sinceMs);
    if (moved.length === 0) return;
    await this.members.write(
      moved.map(({ segment, profileId, sinceMs }) => {
        const id = idOf(segment, profileId);
        return sinceMs === undefined ? { id, remove: true as const } : { id, doc: { since: sinceMs } };
      }),
    );
    for (const [index, { segment, sinceMs }] of memberships.entries()) {
      const change = Number(sinceMs !== undefined) - Number(before[index] !== undefined);
      if (change !== 0) this.#counts.get(segment)?.moved(ids[index] as string, change);
    }
  }

  async list(segment: string, after: ProfileId | undefined, limit: number): Promise<readonly ProfileId[]> {
    const found = await this.members.scan('_id', {
      from: after === undefined ? idOf(segment, '') : idOf(segment, `${after}${separator}`),
      to: `${segment}${afterSeparator}`,
      limit,
    });
    return found.map(({ id }) => id.slice(segment.length + 1) as ProfileId);
  }

  async counts(segments: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const counted = new Map<string, number>();
    for (const segment of segments) {
      let counting = this.#counts.get(segment);
      if (counting === undefined || (!this.isAlone() && counting.isOld())) {
        counting = new Counting(this.members, segment);
        this.#counts.set(segment, counting);
      }
      counted.set(segment, await counting.total());
    }
    return counted;
  }
}

/** A count of a segment's members that goes on being right while they come and go. */
class Counting {
  readonly #startedMs = performance.now();
  #count = 0;
  /** Everything up to this id was counted. */
  #upTo = '';
  #done: Promise<void> | undefined;

  constructor(
    private readonly members: Collection<MemberDocument>,
    private readonly segment: string,
  ) {}

  isOld(): boolean {
    return performance.now() - this.#startedMs > 10_000;
  }

  moved(id: string, change: number): void {
    if (id <= this.#upTo) this.#count += change;
  }

  async total(): Promise<number> {
    this.#done ??= this.#countAll();
    await this.#done;
    return this.#count;
  }

  async #countAll(): Promise<void> {
    const end = `${this.segment}${afterSeparator}`;
    for (let from = idOf(this.segment, ''); ;) {
      const page = await this.members.scan('_id', { from, to: end, limit: pageSize });
      const last = page.at(-1);
      this.#count += page.length;
      if (last === undefined || page.length < pageSize) break;
      this.#upTo = last.id;
      from = `${last.id}${separator}`;
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#upTo = end;
  }
}
