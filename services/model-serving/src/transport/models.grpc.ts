import type { modelsProto } from '@rapport/contracts';
import { RapportError } from '@rapport/kernel';
import { modelsError } from '../model-serving.errors.js';
import type { Recommend } from '../recommend.pipeline.js';
import type { Scoring } from '../score.pipeline.js';
import type { ModelShelf, ShelvedVersion } from '../steps/model-shelf.js';

const given = (text: string): string | undefined => (text === '' ? undefined : text);

/** Scores and recommendations on people. */
export class ModelsGrpc implements modelsProto.ModelsService {
  constructor(
    readonly shelf: ModelShelf,
    readonly scoring: Scoring,
    readonly recommender: Recommend,
  ) {}

  async score({
    model,
    version,
    persons,
    rows,
  }: modelsProto.ScoreRequest): Promise<modelsProto.ScoreResponse> {
    const result = await this.scoring.score(
      model,
      given(version),
      persons,
      rows.map(({ values }) => values),
    );
    return { scores: [...result.scores], found: [...result.found], version: result.version };
  }

  async recommend(request: modelsProto.RecommendRequest): Promise<modelsProto.RecommendResponse> {
    const { items, rung } = await this.recommender(request);
    return { items: items.map(({ item, score, source, reason }) => ({ item, score, source, reason })), rung };
  }

  async explainScore({
    model,
    person,
  }: modelsProto.ExplainScoreRequest): Promise<modelsProto.ExplainScoreResponse> {
    const { score, contributions, version } = await this.scoring.explain(model, person);
    return { score, contributions: [...contributions], version };
  }

  async listModels(): Promise<modelsProto.ListModelsResponse> {
    return { models: this.shelf.list().map(summaryOf) };
  }

  async loadModel({ name, version }: modelsProto.LoadModelRequest): Promise<modelsProto.LoadModelResponse> {
    if (name === '' || version === '') {
      throw modelsError(
        'MODELS_INPUT_INVALID',
        'expected the name and the version of a model in the repository',
      );
    }
    return { model: summaryOf(await this.shelf.load(name, version)) };
  }

  async unloadModel({
    name,
    version,
  }: modelsProto.UnloadModelRequest): Promise<modelsProto.UnloadModelResponse> {
    await this.shelf.unload(name, given(version));
    return {};
  }

  async setRollout(): Promise<modelsProto.SetRolloutResponse> {
    throw new RapportError(
      'RPC_UNIMPLEMENTED',
      'unimplemented',
      'ModelsService.SetRollout is not built yet; policy.json of a model chooses the version that answers',
    );
  }
}

function summaryOf({ name, version, state, reason, loaded }: ShelvedVersion): modelsProto.ModelSummary {
  return {
    name,
    version,
    state,
    reason,
    features: loaded?.manifest?.scorer?.features.map((feature) => feature.name) ?? [],
  };
}
