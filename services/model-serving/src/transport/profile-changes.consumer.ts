import { partitionCount, readRecords, topics } from '@rapport/contracts';
import type { Consumer, EventLog, RecordBatch } from '@rapport/event-log';
import { RapportError } from '@rapport/kernel';
import type { Rejections } from '@rapport/service-host';
import type { ItemStatistics } from '../domain/recommendations/item-statistics.js';
import type { PartitionCounts } from '../domain/recommendations/partition-counts.js';
import { modelsError } from '../model-serving.errors.js';
import type { RecommendationStore } from '../ports/recommendation-store.js';
import type { UpdateRecommendations, UpdateReport } from '../update-recommendations.pipeline.js';

/** Shards are stored after so many deltas: that many are counted again after a restart, within a second. */
const deltasPerCheckpoint = 200;
/** Few enough that reading and counting them does not hold up requests. */
const changesPerBatch = 200;
/** How old the counts of partitions may get that another process consumes. */
const refreshEveryMs = 30_000;

export interface ProfileChangesConsumerOptions {
  readonly log: EventLog;
  readonly store: RecommendationStore;
  readonly update: UpdateRecommendations;
  readonly report: (report: UpdateReport) => void;
  readonly rejections: Rejections;
  readonly onRefreshFailed: (thrown: unknown) => void;
  /** Shards were not stored: the deltas are kept, and it is tried again later. */
  readonly onCheckpointFailed: (thrown: unknown) => void;
}

/** What this room calls itself in `events.rejected.v1`. */
export const recommendationsStage = 'recommendations';

/** Keeps the counts of all partitions: its own from the stream, the others from what their owners stored. */
export class ProfileChangesConsumer {
  readonly #counts = new Map<number, PartitionCounts>();
  readonly #sinceCheckpoint = new Map<number, number>();
  #consumer: Consumer | undefined;
  #refresh: NodeJS.Timeout | undefined;

  constructor(
    readonly options: ProfileChangesConsumerOptions,
    readonly statistics: ItemStatistics,
  ) {}

  /** The counts of every partition. */
  partitions(): Iterable<PartitionCounts> {
    return this.#counts.values();
  }

  async start(): Promise<void> {
    for (let partition = 0; partition < partitionCount; partition++) await this.#load(partition);
    this.#consumer = await this.options.log.consume({
      group: 'model-serving',
      topics: [topics.profilesChanged.name],
      maxBatch: changesPerBatch,
      onAssigned: (partition) => this.#load(partition),
      onBatch: (batch) => this.#onBatch(batch),
      onPoison: (record, thrown) => this.options.rejections.poison(record, thrown),
    });
    this.#refresh = setInterval(() => {
      this.#refreshOthers().catch(this.options.onRefreshFailed);
    }, refreshEveryMs);
    this.#refresh.unref();
  }

  /** Resolves when all that is in the topic now is counted, and the next answer sees it. */
  async settle(): Promise<void> {
    await this.#consumer?.caughtUp();
    this.statistics.renew();
  }

  async stop(): Promise<void> {
    clearInterval(this.#refresh);
    const mine = this.#consumer?.assigned() ?? [];
    await this.#consumer?.stop();
    for (const partition of mine) await this.#checkpoint(partition);
  }

  async #load(partition: number): Promise<void> {
    this.#counts.set(partition, await this.options.store.load(partition));
    this.statistics.changed();
  }

  async #refreshOthers(): Promise<void> {
    const isMine = (partition: number): boolean => this.#consumer?.assigned().includes(partition) === true;
    for (let partition = 0; partition < partitionCount; partition++) {
      if (isMine(partition)) continue;
      const counts = await this.options.store.load(partition);
      // It may have come to this worker meanwhile; then what it counts itself is newer.
      if (!isMine(partition)) this.#counts.set(partition, counts);
    }
    this.statistics.changed();
  }

  async #onBatch(batch: RecordBatch): Promise<void> {
    const counts = this.#counts.get(batch.partition);
    if (counts === undefined) throw new Error(`partition ${batch.partition} was not loaded`);
    const { read, refused } = await readRecords(topics.profilesChanged.name, batch.records);
    await this.options.rejections.reject(refused);
    const changes = read.map(({ record: { offset }, value: change }) => ({ offset, change }));
    try {
      const report = await this.options.update(batch.partition, counts, changes, () => assertOwned(batch));
      this.options.report(report);
      if (report.counted > 0) {
        this.statistics.changed();
        const since = (this.#sinceCheckpoint.get(batch.partition) ?? 0) + 1;
        this.#sinceCheckpoint.set(batch.partition, since);
        if (since >= deltasPerCheckpoint)
          await this.#checkpoint(batch.partition).catch(this.options.onCheckpointFailed);
      }
    } catch (thrown) {
      // Another worker wrote here: what it wrote has to be seen before the batch is tried again.
      if (thrown instanceof RapportError && thrown.code === 'MODELS_BUSY' && batch.owned())
        await this.#load(batch.partition);
      throw thrown;
    }
  }

  async #checkpoint(partition: number): Promise<void> {
    const counts = this.#counts.get(partition);
    this.#sinceCheckpoint.set(partition, 0);
    if (counts !== undefined) await this.options.store.checkpoint(partition, counts);
  }
}

function assertOwned(batch: RecordBatch): void {
  if (!batch.owned()) throw modelsError('MODELS_BUSY', `partition ${batch.partition} went to another worker`);
}
