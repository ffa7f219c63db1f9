import type {
  Collection,
  CollectionDeclaration,
  Document,
  DocumentStore,
  ScanOptions,
  Stored,
  Write,
  WriteResult,
} from '@rapport/document-store';

/** A collection that can be handed out before it is open, so that a room can be put together before it starts. */
export class LateCollection<T extends Document> implements Collection<T> {
  #opened: Collection<T> | undefined;

  constructor(readonly declaration: CollectionDeclaration<T>) {}

  async open(store: DocumentStore): Promise<void> {
    this.#opened = await store.collection(this.declaration);
  }

  get(id: string): Promise<Stored<T> | undefined> {
    return this.#there().get(id);
  }

  getMany(ids: readonly string[]): Promise<readonly (Stored<T> | undefined)[]> {
    return this.#there().getMany(ids);
  }

  write(writes: readonly Write<T>[]): Promise<readonly WriteResult[]> {
    return this.#there().write(writes);
  }

  scan(index: string, options?: ScanOptions): Promise<readonly Stored<T>[]> {
    return this.#there().scan(index, options);
  }

  count(index?: string): Promise<number> {
    return this.#there().count(index);
  }

  #there(): Collection<T> {
    if (this.#opened === undefined)
      throw new Error(`collection ${this.declaration.name} is used before start`);
    return this.#opened;
  }
}
