import { expect, it } from '@jest/globals';
import { after, follow } from '../../fixtures/rule-follower.js';

const did = (event: string, within: string) => ({ did: { event, within } });

it('holds while at least one part does, without a gap between them', () => {
  const rule = { any: [did('A', '100ms'), did('B', '30ms')] };
  expect(follow(rule, [after(0, { event: 'B' }), after(20, { event: 'A' })])).toEqual(['+0', '-120']);
});

it('turns true by itself', () => {
  expect(follow({ any: [did('A', '100ms'), { not: did('B', '30ms') }] }, [after(0, { event: 'B' })])).toEqual(
    ['+30'],
  );
});

it('does not hold without parts', () => {
  expect(follow({ any: [] }, [after(0)])).toEqual([]);
});
