// In: a person, items in view, segments, what to leave out. Out: items, each with its source and why it is there.
// Order: none; every call stands alone and sees the counts as they are now.
// The ladder, each rung used when the ones before it left room: together with the items in view or the person's last
// ones; popular in the person's segments; trending; popular. A stranger starts on the third.
// Failure: an unknown person is a stranger, not an error; when profiles cannot be reached the answer is an error.
import { isProfileId, type Clock } from '@rapport/kernel';
import type { Seed } from './domain/recommendations/candidate-source.js';
import type { ItemStatistics } from './domain/recommendations/item-statistics.js';
import { climb, type Recommendation } from './domain/recommendations/ladder.js';
import type { RecentItems } from './domain/recommendations/recent-items.js';
import { modelsError } from './model-serving.errors.js';
import type { ProfileReader } from './ports/profile-reader.js';
import type { RecommendationStore } from './ports/recommendation-store.js';

export interface RecommendQuestion {
  /** `type:value` or a profile id; empty for nobody. */
  readonly person: string;
  /** 0: the default of 10. */
  readonly limit: number;
  readonly exclude: readonly string[];
  readonly seeds: readonly string[];
  /** Empty: read from the profile. */
  readonly segments: readonly string[];
  readonly category: string;
}

export interface RecommendAnswer {
  readonly items: readonly Recommendation[];
  /** The rung of the first item; empty when there is none. */
  readonly rung: string;
}

const defaultLimit = 10;
const maxLimit = 100;
/** Seeds beyond these would cost time and say little. */
const maxSeeds = 10;
/** Each older item says this much less; 0.6 to 0.8 do equally well in bench/recommend.bench.ts. */
const recencyFactor = 0.7;
/** What a person did before counts this much of what is in view. */
const historyWeight = 0.5;

export interface RecommendPorts {
  readonly statistics: ItemStatistics;
  readonly store: RecommendationStore;
  readonly profiles: ProfileReader;
  readonly clock: Clock;
}

export function createRecommend({ statistics, store, profiles, clock }: RecommendPorts) {
  return async function recommend(question: RecommendQuestion): Promise<RecommendAnswer> {
    const limit = question.limit === 0 ? defaultLimit : question.limit;
    if (limit > maxLimit)
      throw modelsError('MODELS_LIMIT_INVALID', `expected a limit of at most ${maxLimit}, got ${limit}`);
    // A caller who already holds the profile spares a call: decisions do.
    const isProfile = isProfileId(question.person);
    const sketch =
      question.person === '' || (isProfile && question.segments.length > 0)
        ? undefined
        : await profiles.sketch(question.person);
    const profileId = sketch?.profileId ?? (isProfile ? question.person : undefined);
    const [person] = profileId === undefined ? [] : await store.persons([profileId]);
    const excluded = new Set([...question.exclude, ...question.seeds]);
    const items = climb(
      {
        nowMs: clock.now(),
        seeds: seedsOf(question.seeds, person?.recent ?? []),
        segments: question.segments.length > 0 ? question.segments : (sketch?.segments ?? []),
        category: question.category,
        limit,
        isExcluded: (item) => excluded.has(item),
      },
      statistics,
    );
    return { items, rung: items[0]?.source ?? '' };
  };
}

/** Recommending as its callers know it. */
export type Recommend = ReturnType<typeof createRecommend>;

/** What is in view, the first counting most, then what the person turned to before, the newest counting most. */
export function seedsOf(inView: readonly string[], recent: RecentItems): readonly Seed[] {
  const seeds = inView.map((item, index): Seed => ({
    item,
    weight: recencyFactor ** index,
    origin: 'in_view',
  }));
  const scale = inView.length > 0 ? historyWeight : 1;
  for (const [index, [item]] of recent.entries()) {
    if (!inView.includes(item))
      seeds.push({ item, weight: scale * recencyFactor ** index, origin: 'recent' });
  }
  return seeds.slice(0, maxSeeds);
}
