import { describe, expect, it } from '@jest/globals';
import { VirtualClock } from '@rapport/kernel';
import { ItemStatistics } from './domain/recommendations/item-statistics.js';
import { PartitionCounts, type CountOperation } from './domain/recommendations/partition-counts.js';
import type { ProfileReader } from './ports/profile-reader.js';
import type { RecommendationStore } from './ports/recommendation-store.js';
import { createRecommend, type RecommendQuestion } from './recommend.pipeline.js';

const dayMs = 86_400_000;
const nowMs = Date.parse('2026-03-01T00:00:00Z');

/** Two partitions, as two people's workers would have counted. */
function shop(): ItemStatistics {
  const partitions = [new PartitionCounts(), new PartitionCounts()];
  const count = (
    partition: number,
    offset: number,
    operations: readonly CountOperation[],
    segments: readonly string[] = [],
  ): void =>
    partitions[partition]?.apply({ kind: 'delta', partition, offset, segmentSets: [segments], operations });
  const look = (
    item: string,
    daysAgo: number,
    before: readonly string[] = [],
    category = 'shoes',
  ): CountOperation => [item, 1, nowMs - daysAgo * dayMs, category, 0, before];
  // Boots come with socks (in both partitions) and, once, with a hat.
  count(0, 1, [
    look('boots', 10),
    look('socks', 10, ['boots']),
    look('boots', 9),
    look('socks', 9, ['boots']),
    look('hat', 9, ['boots'], 'hats'),
  ]);
  count(1, 1, [look('boots', 8), look('socks', 8, ['boots'])]);
  // Everyone looks at the classic, for weeks.
  for (let day = 1; day <= 25; day++) count(day % 2, 10 + day, [look('classic', day), look('classic', day)]);
  // The bag is asked for since today.
  count(
    1,
    50,
    Array.from({ length: 8 }, () => look('bag', 0.1, [], 'bags')),
  );
  // Runners turn to trainers.
  count(
    0,
    60,
    Array.from({ length: 4 }, () => look('trainers', 20)),
    ['runners'],
  );
  return new ItemStatistics(() => partitions);
}

const people: Readonly<
  Record<string, { profileId: string; segments: string[]; recent: [string, number][] }>
> = {
  'user_id:ada': { profileId: 'p_ada', segments: ['runners'], recent: [['boots', nowMs - dayMs]] },
  'user_id:new': { profileId: 'p_new', segments: [], recent: [] },
  'user_id:runner': { profileId: 'p_runner', segments: ['runners'], recent: [] },
};
const profiles: ProfileReader = {
  features: async () => [],
  sketch: async (person) => people[person],
};
const store: Pick<RecommendationStore, 'persons'> = {
  persons: async (ids) =>
    ids.map((id) => {
      const known = Object.values(people).find(({ profileId }) => profileId === id);
      return known && { recent: known.recent, version: 1, storedVersion: 1 };
    }),
};
const recommend = createRecommend({
  statistics: shop(),
  store: store as RecommendationStore,
  profiles,
  clock: new VirtualClock(nowMs),
});
const ask = (question: Partial<RecommendQuestion>) =>
  recommend({ person: '', limit: 10, exclude: [], seeds: [], segments: [], category: '', ...question });
const names = ({ items }: Awaited<ReturnType<typeof ask>>) =>
  items.map(({ item, source }) => `${item}:${source}`);

describe('the ladder', () => {
  it('starts with what comes together with the items in view, then fills up rung by rung', async () => {
    const answer = await ask({ person: 'user_id:runner', seeds: ['boots'] });
    expect(answer.rung).toBe('covisitation');
    expect(names(answer).slice(0, 4)).toEqual([
      'socks:covisitation',
      'hat:covisitation',
      'trainers:segment_popularity',
      'bag:trending',
    ]);
    expect(answer.items[0]?.reason).toBe('often together with boots');
    expect(names(answer)).toContain('classic:popularity');
    expect(new Set(answer.items.map(({ item }) => item)).size).toBe(answer.items.length);
  });

  it('starts from the last items of a person where nothing is in view', async () => {
    const answer = await ask({ person: 'user_id:ada', limit: 2 });
    expect(names(answer)).toEqual(['socks:covisitation', 'hat:covisitation']);
    expect(answer.items[0]?.reason).toBe('often together with boots, turned to lately');
  });

  it('goes to the segment, then to trends, then to what is popular', async () => {
    expect((await ask({ person: 'user_id:runner', limit: 1 })).rung).toBe('segment_popularity');
    expect(await ask({ person: 'user_id:new', limit: 1 })).toMatchObject({
      rung: 'trending',
      items: [{ item: 'bag' }],
    });
    expect(await ask({ person: 'user_id:stranger', limit: 1 })).toMatchObject({ rung: 'trending' });
    expect(await ask({ exclude: ['bag'], limit: 1 })).toMatchObject({
      rung: 'popularity',
      items: [{ item: 'classic', reason: 'popular in the shop' }],
    });
  });

  it('takes a profile id and segments from a caller who has them', async () => {
    const strict = createRecommend({
      statistics: shop(),
      store: store as RecommendationStore,
      profiles: { features: profiles.features, sketch: () => Promise.reject(new Error('not to be asked')) },
      clock: new VirtualClock(nowMs),
    });
    const answer = await strict({
      person: 'p_ada',
      limit: 3,
      exclude: [],
      seeds: [],
      segments: ['runners'],
      category: '',
    });
    expect(answer.items.map(({ item }) => item)).toEqual(['socks', 'hat', 'trainers']);
  });

  it('keeps to the category, and leaves out what is in view or excluded', async () => {
    const hats = await ask({ person: 'user_id:ada', category: 'hats' });
    expect(names(hats)).toEqual(['hat:covisitation']);
    const bags = await ask({ category: 'bags' });
    expect(names(bags)).toEqual(['bag:trending']);
    expect(await ask({ category: 'boats' })).toEqual({ items: [], rung: '' });
    const rest = await ask({ person: 'user_id:ada', seeds: ['socks'], exclude: ['hat', 'classic'] });
    expect(rest.items.map(({ item }) => item)).not.toEqual(expect.arrayContaining(['socks']));
    expect(rest.items.some(({ item }) => ['socks', 'hat', 'classic'].includes(item))).toBe(false);
  });

  it('answers ten unless told otherwise, and a hundred at most', async () => {
    await expect(ask({ limit: 101 })).rejects.toMatchObject({ code: 'MODELS_LIMIT_INVALID' });
    expect((await ask({ limit: 0 })).items.length).toBeLessThanOrEqual(10);
  });

  it('knows no trend when everything is long ago', async () => {
    const later = createRecommend({
      statistics: shop(),
      store: store as RecommendationStore,
      profiles,
      clock: new VirtualClock(nowMs + 20 * dayMs),
    });
    expect(
      (await later({ person: '', limit: 1, exclude: [], seeds: [], segments: [], category: '' })).rung,
    ).toBe('popularity');
  });
});
