import { expect, it } from '@jest/globals';
import { segment } from '../../fixtures/playbooks.js';
import { after, follow } from '../../fixtures/rule-follower.js';

it('follows another segment, into it and out of it, at the same instants', () => {
  const segments = [segment('other', { did: { event: 'E', within: '30ms' } })];
  expect(follow({ segment: 'other' }, [after(0)], { segments })).toEqual(['+0', '-30']);
  expect(follow({ not: { segment: 'other' } }, [after(0)], { segments })).toEqual(['+30']);
});

it('may stand before the one that it refers to', () => {
  const segments = [segment('first', { segment: 'second' }), segment('second', { did: { event: 'E' } })];
  expect(follow({ segment: 'first' }, [after(0)], { segments })).toEqual(['+0']);
});
