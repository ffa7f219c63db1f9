import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import type { LinkSecret } from '../ports/content-renderer.js';
import { SecretsFile } from './secrets-file.js';
import { SignedLinks } from './signed-links.js';

const secretOf = (id: string): LinkSecret => ({ id, secret: id.repeat(32).slice(0, 32) });
const linksBy = (first: string, ...others: readonly string[]): SignedLinks =>
  new SignedLinks({
    publicUrl: () => 'https://mail.example.com',
    shopUrl: 'https://shop.example/',
    secrets: () => [secretOf(first), ...others.map(secretOf)],
    validMs: 1000,
  });
const claim = { profileId: 'p_ada', purpose: 'märkte', mailbox: 'box' };
const tokenOf = (link: string): string => link.slice(link.lastIndexOf('/') + 1);

describe('unsubscribe links', () => {
  it('say whom they are about, and until when', () => {
    const link = linksBy('a').toUnsubscribe(claim, 5000);
    expect(link).toBe(linksBy('a').toUnsubscribe(claim, 5000));
    expect(linksBy('a').read(tokenOf(link))).toEqual({ claim, expiresAtMs: 6000 });
  });

  it('are signed by the newest secret, and believed while theirs is known', () => {
    const old = tokenOf(linksBy('a').toUnsubscribe(claim, 0));
    const young = tokenOf(linksBy('b', 'a').toUnsubscribe(claim, 0));
    expect(young.startsWith('b.')).toBe(true);
    expect(linksBy('b', 'a').read(old)).toEqual(linksBy('b', 'a').read(young));
    expect(linksBy('b').read(old)).toBeUndefined();
    // Another secret under the same id.
    const other = new SignedLinks({
      ...linksBy('a').options,
      secrets: () => [{ id: 'a', secret: 'x'.repeat(32) }],
    });
    expect(other.read(old)).toBeUndefined();
  });

  test('changed in any place they are not believed', () => {
    const token = tokenOf(linksBy('a').toUnsubscribe(claim, 0));
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...'aZ0-_.='), (at, letter) => {
        const changed = token.slice(0, at) + letter + token.slice(at + 1);
        if (changed !== token) expect(linksBy('a').read(changed)).toBeUndefined();
      }),
    );
    for (const one of ['', '.', 'a.', 'a..', `${token}.x`, token.slice(2)])
      expect(linksBy('a').read(one)).toBeUndefined();
  });
});

describe('the file of secrets', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'rapport-secrets-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('is made once, for its owner alone, of secrets that nothing else knows', () => {
    const [made] = new SecretsFile(dir).forLinks();
    const webhook = new SecretsFile(dir).forWebhooks('CRM_SECRET');
    expect(Buffer.from(made.secret, 'base64url')).toHaveLength(32);
    expect(webhook).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect([new SecretsFile(dir).forLinks(), new SecretsFile(dir).forWebhooks('CRM_SECRET')]).toEqual([
      [made],
      webhook,
    ]);
    expect(statSync(join(dir, 'secrets.json')).mode & 0o077).toBe(0);
  });

  it('takes what an operator put first as the one that signs', () => {
    const path = join(dir, 'secrets.json');
    const old = new SecretsFile(dir).forLinks();
    const kept = JSON.parse(readFileSync(path, 'utf8')) as { unsubscribe: LinkSecret[] };
    writeFileSync(path, JSON.stringify({ ...kept, unsubscribe: [secretOf('new'), ...kept.unsubscribe] }));
    expect(new SecretsFile(dir).forLinks()).toEqual([secretOf('new'), ...old]);
  });

  it('is refused where it cannot be read, and not made anew over it', () => {
    writeFileSync(join(dir, 'secrets.json'), '{"unsubscribe":[{"id":"a","secret":"short"}]}');
    expect(() => new SecretsFile(dir).forLinks()).toThrow(/secrets\.json: expected \{ "unsubscribe"/);
  });
});
