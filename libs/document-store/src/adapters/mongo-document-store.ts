import { MongoClient, type MongoClientOptions } from 'mongodb';
import { RapportError } from '@rapport/kernel';
import type { Collection, CollectionDeclaration, Document, DocumentStore } from '../document-store.js';
import { bulkCommand, singleCommands } from './mongo/bulk-writes.js';
import { keepIndexesUp } from './mongo/index-upkeep.js';
import { MongoDocuments, storeClosed } from './mongo/mongo-documents.js';
import { readError } from './mongo/read-error.js';
import { declaredIndexes, type StoredDocument } from './mongo/stored-document.js';
import { WriteChanges } from './mongo/write-changes.js';

export interface MongoDocumentStoreOptions {
  /** A connection string with hosts, credentials and TLS options. */
  readonly uri: string;
  /** Default: the database of the connection string, else `rapport`. */
  readonly database?: string;
  /** How long to look for a server before an operation fails; default 10 s. */
  readonly serverTimeoutMs?: number;
  /** How long one answer may take; default 20 s. */
  readonly answerTimeoutMs?: number;
  /** Connections that are open at most; default 32. */
  readonly connections?: number;
  /** Whether to use MongoDB 8's bulkWrite command; found out from the server where absent. */
  readonly bulkWriteCommand?: boolean;
}

/** The wire version of MongoDB 8.0, the first with a bulkWrite command that answers for each document. */
const wireVersionOfBulkWrite = 25;

/** Opens the document store on MongoDB 6 or newer: a replica set or a sharded cluster. */
export async function openMongoDocumentStore(options: MongoDocumentStoreOptions): Promise<DocumentStore> {
  const client = clientOf(options);
  try {
    await client.connect();
    const hello = await client.db('admin').command({ hello: 1 });
    if (hello['setName'] === undefined && hello['msg'] !== 'isdbgrid') throw standalone();
    const wireVersion = Number(hello['maxWireVersion']);
    return new MongoDocumentStore(
      client,
      options.database,
      options.bulkWriteCommand ?? wireVersion >= wireVersionOfBulkWrite,
    );
  } catch (thrown) {
    await client.close();
    throw readError(thrown, hostsOf(client));
  }
}

/** Throws CONFIG_INVALID when the driver cannot read the connection string. */
function clientOf(options: MongoDocumentStoreOptions): MongoClient {
  try {
    return new MongoClient(options.uri, clientOptions(options));
  } catch {
    // The driver's words are not passed on: they quote pieces of the string, and where a password is not encoded, a piece
    // may be of the password.
    throw new RapportError(
      'CONFIG_INVALID',
      'invalid',
      'RAPPORT_MONGODB_URI: expected mongodb://user:password@host:port/database?option=value, got what the driver cannot read: percent-encode user and password (@ is %40, % is %25), and check the names and values of the options',
    );
  }
}

function clientOptions(options: MongoDocumentStoreOptions): MongoClientOptions {
  return {
    appName: 'rapport',
    // Nothing is acknowledged, and nothing is read, that an election could still take back.
    writeConcern: { w: 'majority', journal: true },
    readConcern: { level: 'majority' },
    readPreference: 'primary',
    // Writes are repeated by write-changes.ts, which can tell by a token in the document whether the first attempt
    // happened. The driver's own repetition would hide that there was one: where a server forgets what it answered
    // before, a write that happened would come back as a conflict.
    retryWrites: false,
    retryReads: true,
    ignoreUndefined: true,
    promoteBuffers: true,
    maxPoolSize: options.connections ?? 32,
    serverSelectionTimeoutMS: options.serverTimeoutMs ?? 10_000,
    connectTimeoutMS: options.serverTimeoutMs ?? 10_000,
    socketTimeoutMS: options.answerTimeoutMs ?? 20_000,
    waitQueueTimeoutMS: options.answerTimeoutMs ?? 20_000,
  };
}

class MongoDocumentStore implements DocumentStore {
  readonly #client: MongoClient;
  readonly #database: string | undefined;
  readonly #bulkWriteCommand: boolean;
  readonly #opened = new Set<string>();
  #closing: Promise<void> | undefined;

  constructor(client: MongoClient, database: string | undefined, bulkWriteCommand: boolean) {
    this.#client = client;
    // Without a name in the connection string the driver would say `test`.
    this.#database = database ?? (client.options.dbName === 'test' ? 'rapport' : client.options.dbName);
    this.#bulkWriteCommand = bulkWriteCommand;
  }

  async collection<T extends Document>(declaration: CollectionDeclaration<T>): Promise<Collection<T>> {
    const refuseWhenClosed = (): void => {
      if (this.#closing !== undefined) throw storeClosed();
    };
    refuseWhenClosed();
    const { name } = declaration;
    if (this.#opened.has(name)) {
      throw new RapportError(
        'DOCUMENT_STORE_COLLECTION_TWICE',
        'invalid',
        `collection ${name} is open already: open it once and pass it on`,
      );
    }
    const documents = this.#client.db(this.#database).collection<StoredDocument>(name);
    const declared = declaredIndexes(name, declaration.indexes ?? []);
    const where = hostsOf(this.#client);
    try {
      await keepIndexesUp(documents, declared);
    } catch (thrown) {
      throw readError(thrown, where);
    }
    this.#opened.add(name);
    const run = this.#bulkWriteCommand
      ? bulkCommand(this.#client, documents, where)
      : singleCommands(documents, where);
    const changes = new WriteChanges(documents, declared, run);
    return new MongoDocuments<T>(documents, declared, changes, refuseWhenClosed, where);
  }

  close(): Promise<void> {
    this.#closing ??= this.#client.close();
    return this.#closing;
  }
}

function standalone(): RapportError {
  return new RapportError(
    'DOCUMENT_STORE_NOT_REPLICATED',
    'unavailable',
    'MongoDB runs standalone, where nothing can be acknowledged by a majority: start it with --replSet (one node is enough) and run rs.initiate()',
  );
}

const hostsOf = (client: MongoClient): string => client.options.hosts.map(String).join(', ');
