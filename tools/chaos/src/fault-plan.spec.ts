import { describe, expect, it } from '@jest/globals';
import { planFaults } from './fault-plan.js';
import { makeLoad } from './load.js';

const seeds = Array.from({ length: 20 }, (_, index) => index + 1);

/** Per kind of kill, how many a seed's plan has. */
function killsOf(seed: number, kills: number): Record<'kafka' | 'store' | 'service', number> {
  const plan = planFaults(makeLoad(seed, 200), kills);
  const count = (kind: string): number => plan.filter((fault) => fault.kind === kind).length;
  return { kafka: count('kill-kafka'), store: count('kill-store'), service: count('kill-service') };
}

describe('the plan of faults', () => {
  it.each([2, 3, 4])('kills Kafka and the store once each among %i kills', (kills) => {
    for (const seed of seeds)
      expect([seed, killsOf(seed, kills)]).toEqual([seed, { kafka: 1, store: 1, service: kills - 2 }]);
  });

  it('kills a service when it kills once', () => {
    expect(killsOf(1, 1)).toEqual({ kafka: 0, store: 0, service: 1 });
  });

  it('keeps engines a third of many kills, in equal parts', () => {
    expect(killsOf(1, 6)).toEqual({ kafka: 1, store: 1, service: 4 });
    expect(killsOf(1, 12)).toEqual({ kafka: 2, store: 2, service: 8 });
  });

  it('says the same for the same seed, and another for another', () => {
    const [one, again, other] = [5, 5, 6].map((seed) => planFaults(makeLoad(seed, 200), 4));
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
  });
});
