import { describe, expect, it } from '@jest/globals';
import { openMongoDocumentStore } from './mongo-document-store.js';

describe('a MongoDB connection string that cannot be read', () => {
  it.each([
    ['a password with @', 'mongodb://writer:hunt@er2@127.0.0.1:1/rapport'],
    ['a password with a broken escape', 'mongodb://writer:hunter2%zz@127.0.0.1:1/rapport'],
    ['a password with /?', 'mongodb://writer:hunt/?er2=1@127.0.0.1:1/rapport'],
    ['a mistyped option', 'mongodb://writer:hunter2@127.0.0.1:1/rapport?retryReadz=true'],
  ])('is told as bad configuration that gives nothing of it away: %s', async (_what, uri) => {
    const thrown: unknown = await openMongoDocumentStore({ uri }).catch((reason: unknown) => reason);
    expect(thrown).toMatchObject({ name: 'RapportError', code: 'CONFIG_INVALID', status: 'invalid' });
    const { message, stack, ...rest } = thrown as Error;
    expect(message).toMatch(/^RAPPORT_MONGODB_URI: .*percent-encode user and password/);
    for (const piece of ['hunt', 'er2', 'writer', '127.0.0.1'])
      expect(`${message} ${stack ?? ''} ${JSON.stringify(rest)}`).not.toContain(piece);
  });
});
