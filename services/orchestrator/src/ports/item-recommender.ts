import type { JsonObject } from '@rapport/contracts';

/** Finds items that go with a tactic. */
export interface ItemRecommender {
  recommend(request: {
    readonly profileId: string;
    readonly limit: number;
    readonly exclude: readonly string[];
    /** Items in view now. */
    readonly seeds: readonly string[];
    readonly segments: readonly string[];
    readonly category: string | undefined;
  }): Promise<readonly JsonObject[]>;
}
