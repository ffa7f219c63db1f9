// In:      ids of rejected records, as ListRejected gives them.
// Out:     events to events.accepted.v1, through the same checks as new ones where they were refused here; records of
//          other topics back to the topic and under the key that they had; a verdict for each.
// Order:   the order of the ids, per key.
// Failure: what is refused again stays as it was in the rejected topic. A replay keeps messageId, time, source and ids,
//          so doing it twice changes nothing: every room drops what it has seen.
import {
  cloudEventHeaders,
  maxOriginalBytes,
  placeOf,
  readValue,
  topics,
  type AcceptedEvent,
  type JsonObject,
  type RejectedEvent,
  type TopicValues,
} from '@rapport/contracts';
import type { Clock } from '@rapport/kernel';
import type { AcceptEvents } from './accept-events.pipeline.js';
import { correctedInstant, formatInstant, parseInstant } from './domain/instants.js';
import { parseJson } from './domain/parse-json.js';
import type { Verdict } from './domain/verdicts.js';
import type { IngestionErrorCode } from './ingestion.errors.js';
import type { SinkRecord } from './ports/event-sink.js';
import type { RejectedArchive } from './ports/rejected-archive.js';
import { ingestionStage } from './steps/check-event.js';

export interface ReplayParts {
  readonly archive: RejectedArchive;
  readonly accept: AcceptEvents;
  /** Appends a record to a topic; resolves when it is durable. */
  readonly putBack: (topic: string, record: SinkRecord) => Promise<void>;
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
    if (rejection.document !== undefined) {
      return refused(
        id,
        'INGESTION_REPLAY_INCOMPLETE',
        `${id}: ${placeOf(rejection)} is a stored document and cannot be replayed; it was set aside, and the room has gone on without it`,
      );
    }
    const topic = rejection.position?.topic;
    if (topic !== undefined && isReadTopic(topic)) return await this.#putBack(id, topic, rejection);
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

  /** A record that is no event of the front door goes back to where it came from. */
  async #putBack(id: string, topic: keyof TopicValues, rejection: RejectedEvent): Promise<Verdict> {
    const { original, key, messageId = id, rejectedAt } = rejection;
    const value = Buffer.from(original, 'utf8');
    if (value.byteLength >= maxOriginalBytes || key === undefined || key === '') {
      return refused(
        messageId,
        'INGESTION_REPLAY_INCOMPLETE',
        `${id}: the original was cut at 32 KiB or its key is not known; append it again from where it came`,
      );
    }
    const read = readValue(topic, value);
    if ('problem' in read) return refused(messageId, 'INGESTION_REPLAY_UNREADABLE', `${id}: ${read.problem}`);
    const timestampMs = this.parts.clock.now();
    const headers = cloudEventHeaders(topic, messageId, rejectedAt);
    await this.parts.putBack(topic, { key, value, headers, timestampMs });
    return { messageId, accepted: true };
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
          ...(rejection.trust === 'browser' || original['trust'] === 'browser' ? { trust: 'browser' } : {}),
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

/** Topics whose records are read by rooms, but for those that hold events: these go through the front door again. */
const isReadTopic = (topic: string): topic is keyof TopicValues =>
  topic === topics.identityChanged.name ||
  topic === topics.profilesChanged.name ||
  topic === topics.messagesRequested.name ||
  topic === topics.decisionsMade.name;

/** Whether another room refused an event as it had been accepted. */
const isAccepted = (
  original: JsonObject | AcceptedEvent,
  { stage, original: text }: RejectedEvent,
): original is AcceptedEvent =>
  stage !== ingestionStage && !('problem' in readValue(topics.accepted.name, Buffer.from(text, 'utf8')));

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
