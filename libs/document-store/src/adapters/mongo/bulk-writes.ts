import {
  BSON,
  MongoClientBulkWriteError,
  MongoInvalidArgumentError,
  MongoServerError,
  type ClientBulkWriteModel,
  type ClientBulkWriteResult,
  type MongoClient,
} from 'mongodb';
import { RapportError } from '@rapport/kernel';
import { answered } from './answered.js';
import { denied } from './read-error.js';
import type { Documents, StoredDocument } from './stored-document.js';

/** One change of one document, that happens only where the document stands as the change expects it. */
export type Change =
  | { readonly kind: 'insert'; readonly id: string; readonly document: StoredDocument }
  | {
      readonly kind: 'replace';
      readonly id: string;
      readonly version: number;
      readonly document: StoredDocument;
    }
  | { readonly kind: 'remove'; readonly id: string; readonly version: number };

/**
 * What the server said of a change: `done`; `missed`: no such document at that version; `duplicate`: a unique key,
 * the id among them, is taken; `unknown`: the answer is missing, it may or may not have happened, or may yet.
 */
export type Outcome = 'done' | 'missed' | 'duplicate' | 'unknown';

/** Runs changes in one round trip, where the server can say what became of each of them. */
export type RunChanges = (changes: readonly Change[]) => Promise<readonly Outcome[]>;

const duplicateKey = 11000;
/** WriteConflict: another transaction was at the document; nothing happened. */
const writeConflict = 112;

/** With the bulkWrite command of MongoDB 8, which answers for each change. */
export function bulkCommand(client: MongoClient, documents: Documents, where: string): RunChanges {
  return async (changes) => {
    const models = changes.map((change) => modelOf(documents.namespace, change));
    try {
      return outcomesOf(
        changes,
        await answered(
          client.bulkWrite<Record<string, StoredDocument>>(models, { ordered: false, verboseResults: true }),
        ),
      );
    } catch (thrown) {
      refuseAtOnce(thrown, where);
      if (!(thrown instanceof MongoClientBulkWriteError)) return changes.map(() => 'unknown');
      // Applied, but not known to be on a majority: read back.
      if (thrown.writeConcernErrors.length > 0) return changes.map(() => 'unknown');
      const outcomes = outcomesOf(changes, thrown.partialResult, 'unknown');
      for (const [at, { code, message }] of thrown.writeErrors) outcomes[at] = outcomeOfCode(code, message);
      return outcomes;
    }
  };
}

/** Older servers answer a bulk with sums only, so each change is a command of its own, several under way at once. */
export function singleCommands(documents: Documents, where: string, atOnce = 16): RunChanges {
  return async (changes) => {
    const outcomes: Outcome[] = changes.map(() => 'unknown');
    let next = 0;
    const work = async (): Promise<void> => {
      for (let at = next++; at < changes.length; at = next++) {
        const change = changes[at];
        if (change !== undefined) outcomes[at] = await runOne(documents, change, where);
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, changes.length) }, work));
    return outcomes;
  };
}

async function runOne(documents: Documents, change: Change, where: string): Promise<Outcome> {
  try {
    if (change.kind === 'insert')
      return (await answered(documents.insertOne(change.document))).acknowledged ? 'done' : 'unknown';
    const filter = { _id: change.id, v: change.version };
    if (change.kind === 'remove')
      return (await answered(documents.deleteOne(filter))).deletedCount === 1 ? 'done' : 'missed';
    const { _id, ...replacement } = change.document;
    return (await answered(documents.replaceOne(filter, replacement))).matchedCount === 1 ? 'done' : 'missed';
  } catch (thrown) {
    refuseAtOnce(thrown, where);
    if (thrown instanceof MongoServerError && thrown.code === duplicateKey) return 'duplicate';
    return 'unknown';
  }
}

function modelOf(namespace: string, change: Change): ClientBulkWriteModel<Record<string, StoredDocument>> {
  if (change.kind === 'insert') return { name: 'insertOne', namespace, document: change.document };
  const filter = { _id: change.id, v: change.version };
  if (change.kind === 'remove') return { name: 'deleteOne', namespace, filter };
  const { _id, ...replacement } = change.document;
  return { name: 'replaceOne', namespace, filter, replacement };
}

function outcomesOf(
  changes: readonly Change[],
  result: ClientBulkWriteResult | undefined,
  otherwise: Outcome = 'missed',
): Outcome[] {
  return changes.map((change, at) => {
    if (change.kind === 'insert') return result?.insertResults?.has(at) === true ? 'done' : otherwise;
    const count =
      change.kind === 'remove'
        ? result?.deleteResults?.get(at)?.deletedCount
        : result?.updateResults?.get(at)?.matchedCount;
    return count === undefined ? otherwise : count === 1 ? 'done' : 'missed';
  });
}

function outcomeOfCode(code: unknown, message: string): Outcome {
  if (code === duplicateKey) return 'duplicate';
  if (code === writeConflict) return 'unknown';
  throw new RapportError(
    'DOCUMENT_STORE_WRITE_FAILED',
    'unavailable',
    `the server refused a document (code ${String(code)})`,
    message,
  );
}

/** Throws what the same write would meet again and again: what the driver cannot send, and what we may not do. */
function refuseAtOnce(thrown: unknown, where: string): void {
  if (thrown instanceof BSON.BSONError || thrown instanceof MongoInvalidArgumentError) {
    const { message } = thrown.cause instanceof Error ? thrown.cause : thrown;
    throw new RapportError('DOCUMENT_INVALID', 'invalid', `a document cannot be stored: ${message}`);
  }
  const refusal = denied(thrown, where);
  if (refusal !== undefined) throw refusal;
}
