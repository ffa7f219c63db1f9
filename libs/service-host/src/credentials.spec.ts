import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadCredentials } from './credentials.js';

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

  it.each(['web', 'web=', '=key', 'web=key,'])(
    'refuse write keys like %j, and say what was expected',
    (keys) => {
      expect(() => loadCredentials({ RAPPORT_WRITE_KEYS: keys }, folder)).toThrow(
        /RAPPORT_WRITE_KEYS: expected source=key pairs/,
      );
    },
  );
});
