import { describe, expect, it } from '@jest/globals';
import { readIngestionConfig } from './ingestion.config.js';

describe('the settings of the front door', () => {
  it('give one key a part of what all have', () => {
    const { capacity } = readIngestionConfig({
      RAPPORT_INGESTION_MAX_IN_FLIGHT_REQUESTS: '1',
      RAPPORT_INGESTION_MAX_KEY_PERCENT: '25',
    });
    expect(capacity.perKey).toEqual({ bytes: 16 << 20, requests: 1 });
  });

  it('take types of external ids for browser keys, and none that says who somebody is', () => {
    const taken = (types: string) =>
      readIngestionConfig({ RAPPORT_BROWSER_EXTERNAL_IDS: types }).browserExternalIds;
    expect([...taken('ga_client_id, ios_idfa')]).toEqual(['ga_client_id', 'ios_idfa']);
    expect([...taken('')]).toEqual([]);
    for (const types of ['email', 'ga_client_id,user_id', 'anonymous_id', 'GA', 'a b'])
      expect(() => taken(types)).toThrow(/RAPPORT_BROWSER_EXTERNAL_IDS: expected types like ga_client_id/);
  });
});
