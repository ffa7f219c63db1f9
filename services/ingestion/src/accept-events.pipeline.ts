// In:      the events of one request, as parsed JSON, with the source that its write key names.
// Out:     accepted ones to events.accepted.v1 by origin, the others to events.rejected.v1 with the reason; a verdict
//          for each event, in order, given only after all of it is durable.
// Order:   events of one origin keep the order in which their requests were read.
// Failure: an event that is wrong does not touch its neighbours; if the log does not take the records, the whole
//          request fails and the client sends it again (the same messageIds, so nothing counts twice).
import { rejectionRecord, type AcceptedEvent } from '@rapport/contracts';
import type { Arrival } from './domain/accept-event.js';
import type { Arrivals } from './domain/arrivals.js';
import type { Verdict } from './domain/verdicts.js';
import { checkEvent, ingestionStage, type CheckParts, type Gathered } from './steps/check-event.js';
import type { Appending, AppendQueue } from './steps/append-events.js';
import { acceptedRecord } from './steps/accepted-record.js';
import type { SinkRecord } from './ports/event-sink.js';
import type { IngestionErrorCode } from './ingestion.errors.js';

/** What a request brings, and who is told about it. */
export interface Submission extends Arrivals {
  /** Called once, after everything is durable. */
  answer(verdicts: readonly Verdict[]): void;
  /** Called instead when nothing can be promised about the events. */
  failed(cause: unknown): void;
}

/** Counts what went through. */
export interface AcceptedMeter {
  accepted(source: string, count: number): void;
  rejected(code: IngestionErrorCode): void;
  /** A part of an accepted event that has no effect. */
  ignored(code: IngestionErrorCode): void;
}

export interface AcceptEventsParts extends CheckParts {
  readonly queue: AppendQueue;
  readonly meter: AcceptedMeter;
}

const none: readonly SinkRecord[] = [];

/** A request between check and durability. */
class PendingAnswer {
  constructor(
    private readonly submission: Submission,
    private readonly verdicts: readonly Verdict[],
    private readonly meter: AcceptedMeter,
    private readonly acceptedCount: number,
  ) {}

  durable(): void {
    this.meter.accepted(this.submission.arrival.source, this.acceptedCount);
    this.submission.answer(this.verdicts);
  }

  failed(cause: unknown): void {
    this.submission.failed(cause);
  }
}

/** The front door's one pipeline: check → encode → append → answer. */
export class AcceptEvents {
  constructor(private readonly parts: AcceptEventsParts) {}

  submit(submission: Submission): void {
    const { events } = submission;
    const { queue, meter } = this.parts;
    const gathered: Gathered = { accepted: [], rejected: [] };
    const verdicts = new Array<Verdict>(events.length);
    for (let index = 0; index < events.length; index++) {
      const verdict = checkEvent(events[index], submission, this.parts, gathered);
      verdicts[index] = verdict;
      if (verdict.code !== undefined) meter.rejected(verdict.code);
      for (const { code } of verdict.ignored ?? []) meter.ignored(code);
    }
    const { accepted, rejected } = gathered;
    queue.add(accepted, rejected, new PendingAnswer(submission, verdicts, meter, accepted.length));
  }

  /** Appends an event that was accepted before and refused further on, as it was. */
  readmit(event: AcceptedEvent, appending: Appending): void {
    const value = this.parts.encoder.encode(event);
    this.parts.queue.add([acceptedRecord(event, value, Date.parse(event.receivedAt))], none, appending);
  }

  /** Keeps a request that was refused as a whole where the data team sees it; `done` hears when it is durable. */
  refuse(
    by: Pick<Arrival, 'source' | 'trust'>,
    code: IngestionErrorCode,
    detail: string,
    original: string,
    receivedAtMs: number,
    done: () => void,
  ): void {
    this.parts.meter.rejected(code);
    const messageId = this.parts.newMessageId();
    const refusal = { messageId, ...by, code, detail, original };
    const record = rejectionRecord(ingestionStage, refusal, receivedAtMs);
    this.parts.queue.add(none, [record], { durable: done, failed: done });
  }
}
