import { MongoServerError } from 'mongodb';
import { messageOf, RapportError } from '@rapport/kernel';

const unauthorized = 13;
const authenticationFailed = 18;

/** No repetition will help: the server does not know us, or does not let us; undefined for everything else. */
export function denied(thrown: unknown, where: string): RapportError | undefined {
  if (!(thrown instanceof MongoServerError)) return undefined;
  if (thrown.code === authenticationFailed) {
    return new RapportError(
      'DOCUMENT_STORE_AUTHENTICATION_FAILED',
      'unauthenticated',
      `MongoDB at ${where} refused the user or the password in RAPPORT_MONGODB_URI`,
    );
  }
  if (thrown.code === unauthorized) {
    return new RapportError(
      'DOCUMENT_STORE_FORBIDDEN',
      'forbidden',
      `MongoDB at ${where} does not let the user in RAPPORT_MONGODB_URI read and write this database: give it the role readWrite, or name a user that has it`,
      messageOf(thrown),
    );
  }
  return undefined;
}

/** One clear line for what went wrong between us and the server. */
export function readError(thrown: unknown, where: string): RapportError {
  if (thrown instanceof RapportError) return thrown;
  const refusal = denied(thrown, where);
  if (refusal !== undefined) return refusal;
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
