import { expect, it } from '@jest/globals';
import { after, follow } from '../../fixtures/rule-follower.js';

const asks = (granted: boolean) => ({ consent: { purpose: 'marketing', granted } });
const answer = (ms: number, event: string) => after(ms, { event, properties: { purpose: 'marketing' } });

it('holds while the answer is as asked', () => {
  const events = [after(0), answer(1, 'Consent Granted'), answer(2, 'Consent Revoked')];
  expect(follow(asks(true), events)).toEqual(['+1', '-2']);
  expect(follow(asks(false), events)).toEqual(['+0', '-1', '+2']);
});
