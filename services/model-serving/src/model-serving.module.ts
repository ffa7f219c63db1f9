import { resolve } from 'node:path';
import { Module } from '@nestjs/common';
import { inferenceProto, modelsProto } from '@rapport/contracts';
import { grpcBinding, HOST, rejectionsOf, Rooms, type Host, type Room } from '@rapport/service-host';
import { DocumentRecommendationStore } from './adapters/document-recommendation-store.js';
import { FolderModelFiles } from './adapters/folder-model-files.js';
import { onnxRuntime } from './adapters/onnx-runtime.js';
import { ProfilesServiceReader } from './adapters/profiles-service-reader.js';
import { ItemStatistics } from './domain/recommendations/item-statistics.js';
import type { PartitionCounts } from './domain/recommendations/partition-counts.js';
import { createInfer } from './infer.pipeline.js';
import { readModelServingConfig } from './model-serving.config.js';
import { modelsError } from './model-serving.errors.js';
import { createRecommend, type Recommend } from './recommend.pipeline.js';
import { createScoring } from './score.pipeline.js';
import { createLoadVersion } from './steps/load-version.js';
import { ModelShelf } from './steps/model-shelf.js';
import { InferenceGrpc } from './transport/inference.grpc.js';
import { inferenceRoutes } from './transport/inference.http.js';
import { ModelsGrpc } from './transport/models.grpc.js';
import { ProfileChangesConsumer, recommendationsStage } from './transport/profile-changes.consumer.js';
import { createUpdateRecommendations } from './update-recommendations.pipeline.js';

/** Nest's injection token for the room. */
export const MODEL_SERVING_ROOM = Symbol('MODEL_SERVING_ROOM');

/** Builds the room out of what the host gives. */
export function createModelServingRoom(host: Host): Room {
  const { telemetry } = host;
  const config = readModelServingConfig(host.environment);
  const compute = telemetry.seconds('rapport_models_compute_seconds', 'Time of a model run alone', [
    'model',
    'version',
  ]);
  const crashes = telemetry.counter(
    'rapport_models_crashes_total',
    'Processes of models that ended by themselves',
    ['model', 'version'],
  );
  const observe = (model: string, version: string, seconds: number): void =>
    compute.observe({ model, version }, seconds);
  const files = new FolderModelFiles(resolve(config.RAPPORT_MODELS_DIR));
  const shelf = new ModelShelf(
    files,
    createLoadVersion({
      files,
      runtime: onnxRuntime(config.RAPPORT_MODELS_RUN_MAX),
      computedTraits: host.playbook.computedTraits,
      inlineMaxMs: config.RAPPORT_MODELS_INLINE_MAX_MS,
      onCrash: (model, version, reason) => {
        crashes.inc({ model, version });
        telemetry.log.error({ model, version, reason }, 'the process of a model ended; it is started again');
      },
    }),
    (model, version, reason) =>
      telemetry.log.error({ model, version, reason }, 'a model version is not served'),
  );
  const infer = createInfer(shelf, observe);
  const profiles = new ProfilesServiceReader(host.calls);
  const recommendations = new Recommendations(host, profiles);
  let started = false;
  const isReady = (): boolean => started;
  const recommend: Recommend = (question) => recommendations.recommend(question);
  return {
    name: 'model-serving',
    grpc: [
      grpcBinding(
        modelsProto.ModelsServiceDefinition,
        new ModelsGrpc(shelf, createScoring(shelf, profiles, observe), recommend),
        {
          score: 'models.infer',
          recommend: 'models.infer',
          explainScore: 'models.infer',
          listModels: 'models.read',
          loadModel: 'models.manage',
          unloadModel: 'models.manage',
          setRollout: 'models.manage',
        },
        { limits: rowLimits },
      ),
      grpcBinding(
        inferenceProto.GRPCInferenceServiceDefinition,
        new InferenceGrpc(shelf, infer, isReady),
        {
          serverLive: { open: 'probes of the protocol carry no token' },
          serverReady: { open: 'probes of the protocol carry no token' },
          modelReady: 'models.read',
          serverMetadata: 'models.read',
          modelMetadata: 'models.read',
          modelInfer: 'models.infer',
          repositoryIndex: 'models.read',
          repositoryModelLoad: 'models.manage',
          repositoryModelUnload: 'models.manage',
        },
        { limits: tensorLimits },
      ),
    ],
    routes: inferenceRoutes({
      shelf,
      infer,
      isReady,
      onBug: (thrown) => telemetry.log.error({ err: thrown }, 'inference over HTTP broke'),
    }),
    // Models are loaded beside everything else: how each stands is its own (ModelReady), not this room's.
    start: async () => {
      await shelf.loadAll();
      await recommendations.start();
      started = true;
    },
    readiness: async () =>
      started ? undefined : 'its model repository to be looked through and recommendation counts to be read',
    settle: async () => {
      await shelf.idle();
      await recommendations.settle();
    },
    stop: async () => {
      started = false;
      await recommendations.stop();
      await shelf.close();
    },
  };
}

/** Tensors are large, and of few parts: as much as the HTTP form takes; 16 million numbers of four bytes each. */
const tensorLimits = { maxBytes: 64 << 20, maxObjects: 250_000, maxReads: 17_000_000 };
/** Rows of features, each a map. */
const rowLimits = { maxBytes: 16 << 20, maxObjects: 1_000_000, maxReads: 5_000_000 };

/** The recommender, from its start on. */
class Recommendations {
  #recommend: Recommend | undefined;
  #consumer: ProfileChangesConsumer | undefined;

  constructor(
    readonly host: Host,
    readonly profiles: ProfilesServiceReader,
  ) {}

  readonly recommend: Recommend = async (question) => {
    if (this.#recommend === undefined)
      throw modelsError('MODELS_NOT_READY', 'the recommender is starting; try again');
    return await this.#recommend(question);
  };

  async start(): Promise<void> {
    const { log, store: documents, clock, telemetry } = this.host;
    const rejections = rejectionsOf(this.host, recommendationsStage);
    const store = await DocumentRecommendationStore.open(documents, (document, thrown) =>
      rejections.document(document, thrown),
    );
    const counted = telemetry.counter(
      'rapport_models_interactions_total',
      'Item interactions counted for recommendations',
    );
    const repeated = telemetry.counter(
      'rapport_models_repeated_total',
      'Profile changes that had been seen before',
    );
    const statistics = new ItemStatistics((): Iterable<PartitionCounts> => consumer.partitions());
    const consumer = new ProfileChangesConsumer(
      {
        log,
        store,
        update: createUpdateRecommendations(store),
        report: (report) => {
          counted.inc(report.counted);
          repeated.inc(report.repeated);
        },
        rejections,
        onRefreshFailed: (thrown) =>
          telemetry.log.warn({ err: thrown }, 'counts of other partitions were not refreshed'),
        onCheckpointFailed: (thrown) =>
          telemetry.log.warn({ err: thrown }, 'counts were not stored; it is tried again later'),
      },
      statistics,
    );
    await consumer.start();
    this.#consumer = consumer;
    this.#recommend = createRecommend({ statistics, store, profiles: this.profiles, clock });
  }

  async settle(): Promise<void> {
    await this.#consumer?.settle();
  }

  async stop(): Promise<void> {
    await this.#consumer?.stop();
  }
}

@Module({
  providers: [
    {
      provide: MODEL_SERVING_ROOM,
      inject: [HOST, Rooms],
      useFactory: (host: Host, rooms: Rooms): Room => rooms.add(createModelServingRoom(host)),
    },
  ],
})
export class ModelServingModule {}
