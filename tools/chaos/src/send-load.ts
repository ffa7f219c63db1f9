import { call, NotNow, sendBatch, untilThrough, type Door } from './door.js';
import type { Load, Operation, Phase, Sent } from './load.js';
import type { Acknowledged } from './oracle.js';

export interface SendLoadOptions {
  readonly door: Door;
  readonly load: Load;
  /** Events that are handed out per second at most; default: as fast as they are taken. */
  readonly perSecond?: number | undefined;
  /** Told how many events have been handed out so far, before the next go out. */
  readonly onSent?: (events: number) => void;
  /** Moves the platform's clock, after everything so far has settled. */
  readonly advanceTo: (iso: string) => Promise<void>;
}

/** Requests in flight at a time. */
const senders = 4;

/** Sends a load day by day, each event until it is acknowledged; answers what was acknowledged, the first time of each. */
export async function sendLoad(options: SendLoadOptions): Promise<readonly Acknowledged[]> {
  const acknowledged = new Map<string, Acknowledged>();
  const progress = { sent: 0 };
  const { perSecond = Infinity } = options;
  for (const [index, phase] of options.load.phases.entries()) {
    await options.advanceTo(new Date(phase.nowMs).toISOString());
    const events = await sendPhase(options, phase, progress, new Pace(perSecond));
    for (const event of events) {
      if (!acknowledged.has(event.messageId)) acknowledged.set(event.messageId, { event, phase: index });
    }
    options.onSent?.(progress.sent);
  }
  await options.advanceTo(new Date(options.load.endMs).toISOString());
  return [...acknowledged.values()];
}

/** Hands out so much per second, whoever takes it. */
class Pace {
  #nextMs = performance.now();

  constructor(readonly perSecond: number) {}

  async take(count: number): Promise<void> {
    const dueMs = this.#nextMs;
    this.#nextMs = Math.max(dueMs, performance.now()) + (1000 * count) / this.perSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

async function sendPhase(
  { door, onSent }: SendLoadOptions,
  { batches, operations }: Phase,
  progress: { sent: number },
  pace: Pace,
): Promise<readonly Sent[]> {
  const events: Sent[] = [];
  const waitingOperations = [...operations];
  const told: Promise<void>[] = [];
  const rest = batches.values();
  const sender = async (): Promise<void> => {
    for (const batch of rest) {
      await pace.take(batch.length);
      onSent?.(progress.sent);
      progress.sent += batch.length;
      while ((waitingOperations[0]?.afterEvents ?? Infinity) <= progress.sent) {
        const operation = waitingOperations.shift();
        if (operation !== undefined) told.push(tell(door, operation));
      }
      const verdicts = await untilThrough(() => sendBatch(door, batch));
      events.push(...batch.filter(({ messageId }) => verdicts.get(messageId) === true));
    }
  };
  await Promise.all(Array.from({ length: senders }, sender));
  for (const operation of waitingOperations) told.push(tell(door, operation));
  await Promise.all(told);
  return events;
}

/** Asking again is harmless: a link that is there and one that was taken back are answered the same way. */
async function tell(door: Door, { kind, from, to }: Operation): Promise<void> {
  await untilThrough(async () => {
    const { status, body } = await call(door, 'POST', `/v1/identity/${kind}`, { from, to, reason: 'chaos' });
    if (status !== 200) throw new Error(`${kind} ${from} ${to}: ${status} ${JSON.stringify(body)}`);
  });
}

/** Moves the clock of an undisturbed platform. */
export async function advanceClock(door: Door, iso?: string): Promise<void> {
  const { status, body } = await call(
    door,
    'POST',
    '/v1/clock',
    iso === undefined ? {} : { advanceTo: iso },
    600_000,
  );
  if (status !== 200) throw new NotNow(`the clock did not move: ${status} ${JSON.stringify(body)}`);
}
