import { describe, expect, it } from '@jest/globals';
import { duration, flag, readConfig, wholeNumber, z } from './read-config.js';

const schema = z.object({
  A_WAIT: duration('30s'),
  A_PORT: wholeNumber(8080, 0, 65535),
  A_NAME: z.string(),
  A_SWITCH: flag(false),
});

describe('readConfig', () => {
  it('fills defaults, reads units and takes an empty variable as absent', () => {
    expect(readConfig(schema, { A_NAME: 'x', A_PORT: '', A_WAIT: '250ms', A_SWITCH: 'yes' })).toEqual({
      A_WAIT: 250,
      A_PORT: 8080,
      A_NAME: 'x',
      A_SWITCH: true,
    });
  });

  it('tells all problems at once, each with its variable', () => {
    expect(() => readConfig(schema, { A_WAIT: 'soon', A_PORT: '70000' })).toThrow(
      /3 problem\(s\):[\s\S]*A_WAIT: expected a duration[\s\S]*A_PORT[\s\S]*A_NAME/,
    );
  });
});
