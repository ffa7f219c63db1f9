import { describe, expect, it } from '@jest/globals';
import { profileEvent } from '../fixtures/events.js';
import { playbookOf, segment } from '../fixtures/playbooks.js';
import { compileDefinitions } from './compile-definitions.js';

const problemsOf = (...playbook: Parameters<typeof playbookOf>): string => {
  try {
    compileDefinitions(playbookOf(...playbook));
    return '';
  } catch (thrown) {
    return String(thrown);
  }
};

describe('definitions', () => {
  it('are refused with every problem at once', () => {
    const count = { name: 'n', kind: 'count' as const, on: {} };
    const problems = problemsOf(
      [count, count],
      [
        segment('a', { segment: 'b' }),
        segment('b', { any: [{ segment: 'a' }, { segment: 'nowhere' }] }),
        segment('c', { computed: { path: 'unknown', op: 'exists' } }),
        segment('d', { never: true } as never),
      ],
    );
    for (const told of [
      '5 problem(s)',
      'computed trait n: expected one definition',
      'segment a: refers to itself (a → b → a)',
      'segment b: refers to segment nowhere',
      'segment c: refers to computed trait unknown',
      'no segment rule "never"; there are all, any, not, did',
    ]) {
      expect(problems).toContain(told);
    }
  });

  it('share what is gathered alike', () => {
    const definitions = compileDefinitions(
      playbookOf(
        [
          { name: 'views', kind: 'count', on: { event: 'V' } },
          { name: 'same', kind: 'count', on: { event: 'V' } },
        ],
        [
          segment('a', { did: { event: 'V', atLeast: 2 } }),
          segment('b', { did: { event: 'V', atLeast: 5, within: '1d' } }),
          segment('c', { not: { did: { event: 'V', atLeast: 3, within: '2d' } } }),
        ],
      ),
    );
    expect(definitions.accumulators.length).toBe(2);
  });

  it('name only those who listen to an event', () => {
    const definitions = compileDefinitions(
      playbookOf(
        [
          { name: 'views', kind: 'count', on: { event: 'V' } },
          { name: 'any_track', kind: 'count', on: {} },
          { name: 'dear', kind: 'count', on: { event: 'V', where: [{ path: 'price', op: 'gt', value: 5 }] } },
          { name: 'pages', kind: 'count', on: { type: 'page' } },
        ],
        [],
      ),
    );
    const heardBy = (parts: Parameters<typeof profileEvent>[0]) =>
      [...definitions.listeners(profileEvent(parts))].sort();
    expect(heardBy({ event: 'V', properties: { price: 1 } })).toEqual([0, 1]);
    expect(heardBy({ event: 'V', properties: { price: 9 } })).toEqual([0, 1, 2]);
    expect(heardBy({ event: 'Other' })).toEqual([1]);
    expect(heardBy({ type: 'page', name: 'V' })).toEqual([3]);
    expect(heardBy({ type: 'identify' })).toEqual([]);
  });

  it('change their version with every change, and what they gather only with what is gathered', () => {
    const of = (within: string) =>
      compileDefinitions(playbookOf([], [segment('a', { did: { event: 'V', within } })]));
    expect(of('1d').version).not.toBe(of('2d').version);
    expect(of('1d').gathering).toBe(of('2d').gathering);
    expect(of('1d').version).toBe(of('1d').version);
  });
});
