import type { Consumer } from '@rapport/event-log';
import type { ProfileId } from '@rapport/kernel';
import type { UpdateProfiles } from '../update-profiles.pipeline.js';

/** Tries of one partition; what still fails then waits for the next start. */
const mostFailures = 5;
const firstPauseMs = 100;

/**
 * After definitions changed, decides everybody by the new ones: once what had been on its way has been applied, a
 * page at a time between the batches.
 */
export class DefinitionSweep {
  readonly #waiting = new Set<number>();
  #consumer: Consumer | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(
    readonly pipeline: Pick<UpdateProfiles, 'renewDefinitions'>,
    readonly onFailure: (thrown: unknown) => void,
  ) {}

  start(consumer: Consumer): void {
    this.#consumer = consumer;
    this.#goOn();
  }

  /** A partition was taken over. */
  assign(partition: number): void {
    this.#waiting.add(partition);
    this.#goOn();
  }

  /** Resolves when everybody has been looked through. */
  async settle(): Promise<void> {
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#consumer = undefined;
    this.#waiting.clear();
    await this.#running;
  }

  #goOn(): void {
    const consumer = this.#consumer;
    if (consumer === undefined) return;
    for (const partition of this.#waiting) {
      this.#running = this.#running.then(() => this.#sweep(consumer, partition));
    }
    this.#waiting.clear();
  }

  async #sweep(consumer: Consumer, partition: number): Promise<void> {
    const isOwned = (): boolean => consumer.assigned().includes(partition);
    let after: ProfileId | undefined;
    for (let failures = 0; failures < mostFailures && this.#consumer !== undefined && isOwned();) {
      try {
        if (after === undefined) await consumer.caughtUp();
        const next = await consumer.exclusively(partition, () =>
          this.pipeline.renewDefinitions(partition, after, isOwned),
        );
        if (next === 'done') return;
        after = next;
      } catch (thrown) {
        if (this.#consumer === undefined) return;
        this.onFailure(thrown);
        await new Promise((resolve) => setTimeout(resolve, firstPauseMs * 2 ** failures++));
      }
    }
  }
}
