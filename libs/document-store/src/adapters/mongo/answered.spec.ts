import { describe, expect, it } from '@jest/globals';
import { answered } from './answered.js';

describe('an answer of the driver', () => {
  it('comes through, a refusal too', async () => {
    await expect(answered(Promise.resolve(7))).resolves.toBe(7);
    await expect(answered(Promise.reject(new Error('refused')))).rejects.toThrow('refused');
  });

  it('is missing where it never comes', async () => {
    await expect(answered(new Promise(() => undefined), 20)).rejects.toThrow('did not answer within 20 ms');
  });
});
