import type { Collection, CollectionDeclaration, Stored } from '@rapport/document-store';
import type {
  DeliveryState,
  DeliveryStore,
  Lane,
  MessageFilter,
  StoredDelivery,
} from '../ports/delivery-store.js';

/** One document per message, under its messageId. */
export const deliveryCollection: CollectionDeclaration<DeliveryState> = {
  name: 'deliveries',
  indexes: [
    { name: 'lane', fields: ['channel', 'partition', 'destination', 'dueMs'] },
    { name: 'unrecorded', fields: ['channel', 'unrecorded'] },
    { name: 'at', fields: ['atMs'] },
    { name: 'state', fields: ['state', 'atMs'] },
    { name: 'person', fields: ['profileId', 'atMs'] },
  ],
};

/** Documents looked at for one page of a list; beyond it the page ends early and the cursor goes on. */
const mostLookedAt = 10_000;
const page = 500;

const toStored = ({ doc, version }: Stored<DeliveryState>): StoredDelivery => ({ state: doc, version });

/** Deliveries in the document store. */
export class DocumentDeliveryStore implements DeliveryStore {
  constructor(readonly collection: Collection<DeliveryState>) {}

  async getMany(messageIds: readonly string[]): Promise<readonly (StoredDelivery | undefined)[]> {
    const stored = await this.collection.getMany(messageIds);
    return stored.map((one) => one && toStored(one));
  }

  async write(changed: readonly StoredDelivery[]): Promise<readonly boolean[]> {
    const results = await this.collection.write(
      changed.map(({ state, version }) => ({ id: state.messageId, doc: state, expectedVersion: version })),
    );
    return results.map(({ kind }) => kind === 'written');
  }

  async due(
    { channel, partition, destination }: Lane,
    untilMs: number,
    limit: number,
  ): Promise<readonly StoredDelivery[]> {
    const stored = await this.collection.scan('lane', {
      from: [channel, partition, destination],
      to: [channel, partition, destination, untilMs + 1],
      limit,
    });
    return stored.map(toStored);
  }

  async nextDue({ channel, partition, destination }: Lane, afterMs: number): Promise<number | undefined> {
    const [first] = await this.collection.scan('lane', {
      from: [channel, partition, destination, afterMs + 1],
      to: [channel, partition, `${destination}\0`],
      limit: 1,
    });
    return first?.doc.dueMs;
  }

  /** Skips from one destination to the next, so it costs as many steps as there are destinations. */
  async *destinations(channel: string, partition: number): ReturnType<DeliveryStore['destinations']> {
    for (let from: readonly (string | number)[] = [channel, partition]; ;) {
      const [first] = await this.collection.scan('lane', { from, to: [channel, partition + 1], limit: 1 });
      if (first?.doc.dueMs === undefined) return;
      const { destination, dueMs } = first.doc;
      yield { destination, dueMs };
      from = [channel, partition, `${destination}\0`];
    }
  }

  async forgetBefore(instantMs: number): Promise<number> {
    const old = await this.collection.scan('at', { to: [instantMs], limit: 1000 });
    const ended = old.filter(({ doc }) => doc.state !== 'waiting' && doc.unrecorded === undefined);
    await this.collection.write(
      ended.map(({ id, version }) => ({ id, remove: true, expectedVersion: version })),
    );
    return ended.length;
  }

  async unrecorded(channel: string, partition: number, limit: number): Promise<readonly StoredDelivery[]> {
    const stored = await this.collection.scan('unrecorded', { prefix: [channel, partition], limit });
    return stored.map(toStored);
  }

  async list(
    filter: MessageFilter,
    cursor: string | undefined,
    limit: number,
  ): ReturnType<DeliveryStore['list']> {
    const found: StoredDelivery[] = [];
    let after = cursor === undefined ? undefined : readCursor(cursor);
    for (let lookedAt = 0; lookedAt < mostLookedAt; lookedAt += page) {
      const { newest, more } = await this.#newest(filter, after);
      for (const one of newest) {
        if (matches(one.doc, filter)) found.push(toStored(one));
        after = { atMs: one.doc.atMs, id: one.id };
        if (found.length === limit) return { found, nextCursor: cursorOf(after) };
      }
      if (!more) return { found, nextCursor: undefined };
    }
    return { found, nextCursor: after && cursorOf(after) };
  }

  /** The next page by time, over the index that leaves the least to look at. */
  async #newest(
    { profileIds, state, fromMs = 0, toMs = Number.MAX_SAFE_INTEGER }: MessageFilter,
    after: Place | undefined,
  ): Promise<{ readonly newest: readonly Stored<DeliveryState>[]; readonly more: boolean }> {
    const [index, prefixes]: [string, readonly (readonly string[])[]] =
      profileIds !== undefined
        ? ['person', profileIds.map((id) => [id])]
        : state !== undefined
          ? ['state', [[state]]]
          : ['at', [[]]];
    const pages = await Promise.all(
      prefixes.map(async (prefix) =>
        this.collection.scan(index, {
          from: [...prefix, fromMs],
          to: [...prefix, toMs],
          reverse: true,
          limit: page,
          ...(after === undefined ? {} : { after: { key: [...prefix, after.atMs], id: after.id } }),
        }),
      ),
    );
    const merged = pages.flat().sort((a, b) => b.doc.atMs - a.doc.atMs || (a.id < b.id ? 1 : -1));
    return { newest: merged.slice(0, page), more: merged.length >= page };
  }
}

interface Place {
  readonly atMs: number;
  readonly id: string;
}

const cursorOf = ({ atMs, id }: Place): string => `${atMs}:${id}`;

function readCursor(cursor: string): Place | undefined {
  const colon = cursor.indexOf(':');
  const atMs = Number(cursor.slice(0, colon));
  return colon > 0 && Number.isSafeInteger(atMs) ? { atMs, id: cursor.slice(colon + 1) } : undefined;
}

const matches = (
  doc: DeliveryState,
  { profileIds, state, tactic, channel, fromMs, toMs }: MessageFilter,
): boolean =>
  (profileIds === undefined || profileIds.includes(doc.profileId)) &&
  (state === undefined || doc.state === state) &&
  (tactic === undefined || doc.tactic === tactic) &&
  (channel === undefined || doc.channel === channel) &&
  (fromMs === undefined || doc.atMs >= fromMs) &&
  (toMs === undefined || doc.atMs < toMs);
