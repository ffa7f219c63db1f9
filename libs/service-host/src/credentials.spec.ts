import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadCredentials } from './credentials.js';
import { formatWriteKeys, ownWriteKey, unsaidSources } from './write-keys.js';

describe('credentials', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rapport-credentials-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('are made once, kept for their owner alone, and found again', async () => {
    const made = loadCredentials({}, folder);
    expect(made.generated).toBe(true);
    const path = join(folder, 'credentials.json');
    expect((await stat(path)).mode & 0o077).toBe(0);
    expect(await readFile(path, 'utf8')).toContain(made.apiToken);
    expect(loadCredentials({}, folder)).toEqual(made);
  });

  it('read write keys with their kind; without one it is a server’s, and the platform has its own', () => {
    const { sources, apiToken } = loadCredentials(
      { RAPPORT_WRITE_KEYS: 'shop=a, web:browser=b,crm:server=c==', RAPPORT_API_TOKEN: 'right' },
      folder,
    );
    expect(Object.fromEntries(sources)).toEqual({
      a: { source: 'shop', kind: 'server', isKindSaid: false },
      b: { source: 'web', kind: 'browser', isKindSaid: true },
      'c==': { source: 'crm', kind: 'server', isKindSaid: true },
      [ownWriteKey(apiToken)]: { source: 'rapport', kind: 'server', isKindSaid: true },
    });
    expect(unsaidSources(sources)).toEqual(['shop']);
    const again = { RAPPORT_WRITE_KEYS: formatWriteKeys(sources), RAPPORT_API_TOKEN: 'right' };
    expect(loadCredentials(again, folder).sources).toEqual(sources);
  });

  it.each(['web', 'web=', '=key', 'web=key,', 'web:app=key', 'web:browser:x=key', ':browser=key', 'a=k,b=k'])(
    'refuse write keys like %j, and say what was expected',
    (keys) => {
      expect(() => loadCredentials({ RAPPORT_WRITE_KEYS: keys }, folder)).toThrow(
        /RAPPORT_WRITE_KEYS: expected source=key/,
      );
    },
  );
});
