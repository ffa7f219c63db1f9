import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sha256Of, TokenFile } from './token-file.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rapport-tokens-'));
  path = join(folder, 'tokens.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const wanted = { name: 'shop', roles: ['read'], actions: [], by: 'somebody' } as const;

/** Asks until a process that shares the file has seen a change of it. */
async function seen<T>(ask: () => T, wantedAnswer: T): Promise<void> {
  for (const deadline = performance.now() + 5_000; JSON.stringify(ask()) !== JSON.stringify(wantedAnswer);) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${JSON.stringify(wantedAnswer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a file of tokens', () => {
  it("keeps no secret, is its owner's alone, and finds a token by its secret", async () => {
    const file = new TokenFile({ path });
    const { token, secret } = await file.create(wanted);
    expect(secret).toMatch(/^rap_[\w-]{43}$/);
    expect(await readFile(path, 'utf8')).not.toContain(secret);
    expect((await stat(path)).mode & 0o077).toBe(0);
    expect(file.find(sha256Of(secret))).toEqual({ token, state: 'valid' });
    expect(file.find(sha256Of(`${secret}x`))).toBeUndefined();
    expect(new TokenFile({ path }).find(sha256Of(secret))?.state).toBe('valid');
  });

  it('expires tokens by the clock, and lists them so', async () => {
    let nowMs = Date.parse('2026-01-01T00:00:00Z');
    const file = new TokenFile({ path, now: () => nowMs });
    const { secret } = await file.create({ ...wanted, expiresInMs: 1000 });
    nowMs += 999;
    expect(file.find(sha256Of(secret))?.state).toBe('valid');
    nowMs += 1;
    expect(file.find(sha256Of(secret))?.state).toBe('expired');
    expect(file.list().map(({ state }) => state)).toEqual(['expired']);
    // The name is free again.
    await file.create(wanted);
    nowMs += 91 * 86_400_000;
    await file.create({ ...wanted, name: 'other' });
    expect(file.list().map(({ name, state }) => `${name} ${state}`)).toEqual(['shop valid', 'other valid']);
  });

  it('ends a token here at once, and where the file is shared without a restart', async () => {
    const here = new TokenFile({ path });
    const there = new TokenFile({ path });
    const { secret } = await here.create(wanted);
    await seen(() => there.find(sha256Of(secret))?.state, 'valid');
    await here.revoke('shop');
    expect(here.find(sha256Of(secret))?.state).toBe('revoked');
    await seen(() => there.find(sha256Of(secret))?.state, 'revoked');
    await expect(here.revoke('shop')).rejects.toMatchObject({ code: 'TOKEN_UNKNOWN' });
  });

  it('loses nothing when several processes make tokens at once', async () => {
    const files = Array.from({ length: 4 }, () => new TokenFile({ path }));
    await Promise.all(
      files.flatMap((file, at) =>
        [1, 2, 3].map((each) => file.create({ ...wanted, name: `t-${at}-${each}` })),
      ),
    );
    expect(new TokenFile({ path }).list()).toHaveLength(12);
  });

  it('opens nothing while it cannot be read, says so, and opens again when it can', async () => {
    const told: string[] = [];
    const file = new TokenFile({ path, onUnreadable: (problem) => told.push(problem) });
    const { secret } = await file.create(wanted);
    const good = await readFile(path, 'utf8');
    await writeFile(path, '{"tokens": [{"name": 7}]}');
    await seen(() => file.find(sha256Of(secret)) === undefined, true);
    expect(told.join()).toContain('expected a file of tokens');
    expect(() => new TokenFile({ path })).toThrow(/TOKENS_FILE|expected a file of tokens/);
    await writeFile(path, good);
    await seen(() => file.find(sha256Of(secret))?.state, 'valid');
    await rm(path);
    await seen(() => file.find(sha256Of(secret)) === undefined, true);
  });

  it('says what a token may not be', async () => {
    const file = new TokenFile({ path });
    for (const [wrong, part] of [
      [{ name: 'a b' }, 'name: expected'],
      [{ roles: [] }, 'expected at least one role'],
      [{ roles: ['king'] }, 'expected some of read, decide'],
      [{ actions: ['rule'] }, 'expected some of people.read'],
      [{ expiresInMs: 0 }, 'expiresIn: expected'],
    ] as const)
      await expect(file.create({ ...wanted, ...(wrong as object) })).rejects.toThrow(part);
    await file.create(wanted);
    await expect(file.create(wanted)).rejects.toMatchObject({ code: 'TOKEN_NAME_TAKEN' });
  });
});
