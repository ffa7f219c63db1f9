import { describe, expect, it } from '@jest/globals';
import { readHostConfig } from './host.config.js';

describe('the API token', () => {
  const keys = { RAPPORT_WRITE_KEYS: 'web=key' };

  it('may be short on loopback, and has at least 16 characters where everybody may try', () => {
    for (const length of [1, 15, 16, 40])
      expect(() => readHostConfig({ ...keys, RAPPORT_API_TOKEN: 'x'.repeat(length) })).not.toThrow();
    for (const host of ['0.0.0.0', '::', '10.0.0.1']) {
      const beyond = (length: number) => () =>
        readHostConfig({ ...keys, RAPPORT_HOST: host, RAPPORT_API_TOKEN: 'x'.repeat(length) });
      for (const length of [1, 15]) expect(beyond(length)).toThrow(/at least 16 characters/);
      for (const length of [16, 40]) expect(beyond(length)).not.toThrow();
    }
  });

  it('is not told when it is refused', () => {
    let told = '';
    try {
      readHostConfig({ ...keys, RAPPORT_HOST: '0.0.0.0', RAPPORT_API_TOKEN: 'short-one' });
    } catch (thrown) {
      told = String(thrown);
    }
    expect(told).toContain('RAPPORT_API_TOKEN');
    expect(told).not.toContain('short-one');
  });
});
