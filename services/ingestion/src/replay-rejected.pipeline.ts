// In:      ids of rejected records, as ListRejected gives them.
// Out:     the originals to events.accepted.v1, through the same checks as new events; a verdict for each.
// Order:   the order of the ids, per origin.
// Failure: what is refused again stays as it was in the rejected topic. A replay keeps messageId, time and source, so
//          doing it twice changes nothing: profiles drops what it has seen.
import type { AcceptedEvent, JsonObject, RejectedEvent } from '@rapport/contracts';
import type { Clock } from '@rapport/kernel';
import type { AcceptEvents } from './accept-events.pipeline.js';
import { correctedInstant, formatInstant, parseInstant } from './domain/instants.js';
import { parseJson } from './domain/parse-json.js';
import type { Verdict } from './domain/verdicts.js';
import type { IngestionErrorCode } from './ingestion.errors.js';
import type { RejectedArchive } from './ports/rejected-archive.js';

export interface ReplayParts {
  readonly archive: RejectedArchive;
  readonly accept: AcceptEvents;
  readonly clock: Clock;
  readonly maxEventBytes: number;
}

export class ReplayRejected {
  constructor(private readonly parts: ReplayParts) {}

  async replay(ids: readonly string[]): Promise<readonly Verdict[]> {
    return await Promise.all(ids.map((id) => this.#replayOne(id)));
  }

  async #replayOne(id: string): Promise<Verdict> {
    const archived = await this.parts.archive.find(id);
    if (archived === undefined) {
      return refused(
        id,
        'INGESTION_REPLAY_UNKNOWN',
        `${id}: expected an id of ListRejected, partition-offset, that is still kept`,
      );
    }
    const { rejection } = archived;
    const original = originalOf(rejection);
    if (original === undefined) {
      return refused(
        rejection.messageId ?? id,
        'INGESTION_REPLAY_INCOMPLETE',
        `${id}: only whole single events can be replayed; this original is a whole request, was cut at 32 KiB, or is not JSON: send it again from where it came`,
      );
    }
    return isAccepted(original, rejection)
      ? await this.#readmit(original)
      : await this.#acceptAgain(original, rejection);
  }

  /** Another room refused it after it had been accepted here: it goes back as it was. */
  async #readmit(event: AcceptedEvent): Promise<Verdict> {
    return await new Promise((resolve, reject) => {
      this.parts.accept.readmit(event, {
        durable: () => resolve({ messageId: event.messageId, accepted: true }),
        failed: (cause) => reject(cause instanceof Error ? cause : new Error(String(cause))),
      });
    });
  }

  async #acceptAgain(original: JsonObject, rejection: RejectedEvent): Promise<Verdict> {
    const { accept, clock, maxEventBytes } = this.parts;
    const receivedAtMs = clock.now();
    const [verdict] = await new Promise<readonly Verdict[]>((resolve, reject) => {
      accept.submit({
        events: [timedAsReceived(original, rejection)],
        arrival: {
          source: rejection.source ?? 'unknown',
          ...(rejection.trust === undefined ? {} : { trust: rejection.trust }),
          receivedAtMs,
          receivedAt: formatInstant(receivedAtMs),
          sentAt: undefined,
          type: undefined,
          context: undefined,
          clientIp: undefined,
        },
        maxEventBytes,
        totalBytes: Infinity,
        replayed: true,
        answer: resolve,
        failed: (cause) => reject(cause instanceof Error ? cause : new Error(String(cause))),
      });
    });
    return verdict ?? refused('', 'INGESTION_REPLAY_INCOMPLETE', 'nothing was replayed');
  }
}

function refused(messageId: string, code: IngestionErrorCode, detail: string): Verdict {
  return { messageId, accepted: false, code, detail };
}

function originalOf(rejection: RejectedEvent): JsonObject | undefined {
  try {
    const parsed = parseJson(rejection.original);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    const original = parsed as JsonObject;
    return original['batch'] === undefined ? original : undefined;
  } catch {
    return undefined;
  }
}

function isAccepted(
  original: JsonObject | AcceptedEvent,
  rejection: RejectedEvent,
): original is AcceptedEvent {
  return rejection.stage !== 'ingestion' && 'origin' in original && Array.isArray(original.identifiers);
}

/** The event with the time that it would have got when it first came, so that the delay until the replay does not move it. */
function timedAsReceived(original: JsonObject, rejection: RejectedEvent): JsonObject {
  const given = original['timestamp'] ?? original['originalTimestamp'];
  const { sentAt, ...rest } = original;
  if (given !== undefined && typeof given !== 'string') return original;
  const happenedMs = correctedInstant(
    given === undefined ? NaN : parseInstant(given),
    typeof sentAt === 'string' ? parseInstant(sentAt) : NaN,
    Date.parse(rejection.rejectedAt),
  );
  return given !== undefined && Number.isNaN(parseInstant(given))
    ? original
    : { ...rest, timestamp: formatInstant(happenedMs) };
}
