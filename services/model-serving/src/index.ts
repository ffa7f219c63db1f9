export { createModelServingRoom, ModelServingModule } from './model-serving.module.js';
// For bench/recommend.bench.ts, which measures the recommender by itself.
export { DocumentRecommendationStore } from './adapters/document-recommendation-store.js';
export { ItemStatistics } from './domain/recommendations/item-statistics.js';
export { coVisitation } from './domain/recommendations/sources/co-visitation.js';
export { seedsOf } from './recommend.pipeline.js';
export { createUpdateRecommendations, type PlacedChange } from './update-recommendations.pipeline.js';
