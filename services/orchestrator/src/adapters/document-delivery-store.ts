import type { Collection, CollectionDeclaration, Stored } from '@rapport/document-store';
import type { DeliveryState, DeliveryStore, StoredDelivery } from '../ports/delivery-store.js';

/** One document per message, under its messageId. */
export const deliveryCollection: CollectionDeclaration<DeliveryState> = {
  name: 'deliveries',
  indexes: [
    { name: 'due', fields: ['channel', 'partition', 'dueMs'] },
    { name: 'unrecorded', fields: ['channel', 'unrecorded'] },
    { name: 'at', fields: ['atMs'] },
  ],
};

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
    channel: string,
    partition: number,
    untilMs: number,
    limit: number,
  ): Promise<readonly StoredDelivery[]> {
    const stored = await this.collection.scan('due', {
      from: [channel, partition],
      to: [channel, partition, untilMs + 1],
      limit,
    });
    return stored.map(toStored);
  }

  async nextDue(channel: string, partition: number): Promise<number | undefined> {
    const [first] = await this.collection.scan('due', { prefix: [channel, partition], limit: 1 });
    return first?.doc.dueMs;
  }

  async forgetBefore(instantMs: number): Promise<number> {
    const old = await this.collection.scan('at', { to: [instantMs], limit: 1000 });
    const ended = old.filter(({ doc }) => doc.state === 'sent' || doc.state === 'failed');
    await this.collection.write(
      ended.map(({ id, version }) => ({ id, remove: true, expectedVersion: version })),
    );
    return ended.length;
  }

  async unrecorded(channel: string, partition: number, limit: number): Promise<readonly StoredDelivery[]> {
    const stored = await this.collection.scan('unrecorded', { prefix: [channel, partition], limit });
    return stored.map(toStored);
  }
}
