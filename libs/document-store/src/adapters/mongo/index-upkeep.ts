import { MongoServerError } from 'mongodb';
import { RapportError } from '@rapport/kernel';
import { keysOf, type DeclaredIndexes, type Documents } from './stored-document.js';

/** Indexes of ours; what others add for their own questions is left alone. */
const ours = 'rapport_';
const documentsPerStep = 500;
const namespaceMissing = 26;
const duplicateKey = 11000;
/** IndexOptionsConflict and IndexKeySpecsConflict: it is there, declared otherwise. */
const indexConflicts: readonly unknown[] = [85, 86];

/**
 * Brings a collection's indexes to the declaration, and gives documents that were written under another one their
 * keys. Any number of processes may do so at once. A replica of the release before, still writing while this runs,
 * leaves documents without the new keys; the next start (the last replica of a rolling update) repairs those.
 */
export async function keepIndexesUp(documents: Documents, declared: DeclaredIndexes): Promise<void> {
  const wanted = [declarationIndex, ...declared.indexes.map(indexOf)];
  const there = await indexesOf(documents);
  for (const { name } of there)
    if (name?.startsWith(ours) === true && !wanted.some((index) => index.name === name))
      await documents.dropIndex(name);
  // At most starts there is nothing to create, and nothing is asked of the server for it.
  for (const index of wanted)
    if (!there.some((other) => isSame(index, other))) await create(documents, declared, index);
  while (await rekeySome(documents, declared));
}

/** An index as the server has it or is to have it. */
interface Index {
  readonly name?: string;
  readonly key: Readonly<Record<string, unknown>>;
  readonly unique?: boolean;
  readonly sparse?: boolean;
  readonly partialFilterExpression?: object;
}

/** An index that is to be there. */
interface NamedIndex extends Index {
  readonly name: string;
  readonly key: Readonly<Record<string, 1>>;
}

const declarationIndex: NamedIndex = { name: `${ours}declaration`, key: { x: 1 } };

/**
 * Documents without a key stand in the others, under null, where no question of ours looks. A partial index would leave
 * them out, but a server has to prove for each question that it may use one, and not every server can.
 */
function indexOf({ name, unique }: DeclaredIndexes['indexes'][number]): NamedIndex {
  return {
    name: `${ours}${name}`,
    ...(unique ? { key: { [`k.${name}`]: 1 }, unique, sparse: true } : { key: { [`k.${name}`]: 1, _id: 1 } }),
  };
}

function isSame(one: Index, other: Index): boolean {
  const told = ({ name, key, unique, sparse, partialFilterExpression }: Index): string =>
    JSON.stringify([name, key, unique === true, sparse === true, partialFilterExpression]);
  return told(one) === told(other);
}

async function indexesOf(documents: Documents): Promise<readonly Index[]> {
  try {
    return await documents.indexes();
  } catch (thrown) {
    if (thrown instanceof MongoServerError && thrown.code === namespaceMissing) return [];
    throw thrown;
  }
}

async function create(documents: Documents, declared: DeclaredIndexes, index: NamedIndex): Promise<void> {
  const { name, key, ...options } = index;
  try {
    await documents.createIndex({ ...key }, { name, ...options });
  } catch (thrown) {
    if (!(thrown instanceof MongoServerError)) throw thrown;
    if (thrown.code === duplicateKey) throw await notUnique(documents, declared, name.slice(ours.length));
    if (!indexConflicts.includes(thrown.code)) throw thrown;
    await documents.dropIndex(name);
    await documents.createIndex({ ...key }, { name, ...options });
  }
}

/** Gives keys to some documents that have those of another declaration; false when there were none. */
async function rekeySome(documents: Documents, declared: DeclaredIndexes): Promise<boolean> {
  const { fingerprint } = declared;
  const some = await documents
    .find({ $or: [{ x: { $lt: fingerprint } }, { x: { $gt: fingerprint } }] })
    .limit(documentsPerStep)
    .toArray();
  if (some.length === 0) return false;
  try {
    await documents.bulkWrite(
      // A document that was written meanwhile has its keys already, or is found in the next round.
      some.map(({ _id, v, t, d }) => ({
        updateOne: { filter: { _id, v, t }, update: { $set: { k: keysOf(d, declared), x: fingerprint } } },
      })),
      { ordered: false },
    );
  } catch (thrown) {
    if (thrown instanceof MongoServerError && thrown.code === duplicateKey)
      throw await notUnique(documents, declared);
    throw thrown;
  }
  return true;
}

async function notUnique(
  documents: Documents,
  declared: DeclaredIndexes,
  index?: string,
): Promise<RapportError> {
  const { collection, indexes } = declared;
  for (const candidate of indexes.filter(
    ({ name, unique }) => unique && (index === undefined || name === index),
  )) {
    const seen = new Map<string, string>();
    for await (const { _id, d } of documents.find({}, { projection: { d: 1 } })) {
      const key = keysOf(d, { ...declared, indexes: [candidate] })[candidate.name];
      const other = key === undefined ? undefined : seen.get(key);
      if (other !== undefined) {
        return new RapportError(
          'DOCUMENT_STORE_DUPLICATE',
          'conflict',
          `index ${candidate.name} of ${collection} cannot be unique: documents ${other} and ${_id} have the same key. Remove one of them, or declare the index without unique`,
        );
      }
      if (key !== undefined) seen.set(key, _id);
    }
  }
  return new RapportError(
    'DOCUMENT_STORE_DUPLICATE',
    'conflict',
    `an index of ${collection} cannot be unique: two documents have the same key`,
  );
}
