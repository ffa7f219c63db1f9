import { describe, expect, it } from '@jest/globals';
import { namesLoopback, ownNamesOf } from './host-header.js';

describe('namesLoopback', () => {
  const own = ownNamesOf({ RAPPORT_HOST: '127.0.0.1', RAPPORT_PUBLIC_URL: 'https://Shop.example:8443/x' });

  it.each([
    'localhost',
    'localhost:9464',
    'LOCALHOST',
    'a.localhost:1',
    '127.0.0.1:8080',
    '127.9.9.9',
    '[::1]:8080',
    '[::1]',
  ])('knows %s', (header) => expect(namesLoopback(header, own)).toBe(true));

  it('knows the host of RAPPORT_PUBLIC_URL, with any port', () => {
    expect(namesLoopback('shop.example', own)).toBe(true);
    expect(namesLoopback('SHOP.example:8443', own)).toBe(true);
    expect(namesLoopback('shop.example', ownNamesOf({}))).toBe(false);
  });

  it.each([
    undefined,
    '',
    ':80',
    'evil.example',
    'evil.example:9464',
    'localhost.evil.example',
    'xlocalhost',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    '[::2]',
    '0.0.0.0',
    'localhost:80:80',
    'localhost@evil.example',
    'http://localhost',
  ])('does not know %s', (header) => expect(namesLoopback(header, own)).toBe(false));
});
