import { MongoServerError } from 'mongodb';
import { messageOf, RapportError } from '@rapport/kernel';

/** One clear line for what went wrong between us and the server. */
export function readError(thrown: unknown, where: string): RapportError {
  if (thrown instanceof RapportError) return thrown;
  if (thrown instanceof MongoServerError) {
    return new RapportError(
      'DOCUMENT_STORE_READ_FAILED',
      'unavailable',
      `MongoDB at ${where} refused a request (code ${String(thrown.code)})`,
      messageOf(thrown),
    );
  }
  return new RapportError(
    'DOCUMENT_STORE_UNREACHABLE',
    'unavailable',
    `no MongoDB that takes writes answered at ${where}: check RAPPORT_MONGODB_URI and that the server runs`,
    messageOf(thrown),
  );
}
