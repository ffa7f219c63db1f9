import { modelsProto, type JsonObject } from '@rapport/contracts';
import type { Calls } from '@rapport/service-host';
import type { ItemRecommender } from '../ports/item-recommender.js';

/**
 * Items from ModelsService. `name` is there for templates; catalogues are not part of the platform yet, so it is the
 * item's id.
 */
export function createModelsItemRecommender(calls: Calls): ItemRecommender {
  const models = calls.to<modelsProto.ModelsService>(modelsProto.ModelsServiceDefinition);
  return {
    recommend: async ({ profileId, limit, exclude, seeds, segments, category }) => {
      const answer = await models.recommend({
        person: profileId,
        limit,
        exclude: [...exclude],
        seeds: [...seeds],
        segments: [...segments],
        category: category ?? '',
      });
      return answer.items.map(({ item, score, source, reason }): JsonObject => ({
        item,
        name: item,
        score,
        source,
        reason,
      }));
    },
  };
}
