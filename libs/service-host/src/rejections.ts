import { rejectionOf, rejectRecords, type PlacedRecord, type Rejection } from '@rapport/contracts';
import { codeOf, messageOf } from '@rapport/kernel';
import type { Host } from './room.js';

/** The code of a record that could be read and that a room failed on by its own doing. */
export const recordUnprocessable = 'RECORD_UNPROCESSABLE';
/** The code of a stored document that a room failed on; it no longer comes up by itself. */
export const documentUnusable = 'DOCUMENT_UNUSABLE';

/** A stored document that a room cannot go on with. */
export interface UnusableDocument {
  readonly collection: string;
  readonly id: string;
  /** What it holds. */
  readonly content: unknown;
}

/** Where a room puts what it cannot take: `events.rejected.v1`, a metric, one line in the log. Resolves when it is durable. */
export interface Rejections {
  reject(rejections: readonly Rejection[]): Promise<void>;
  /** For `ConsumerOptions.onPoison`. */
  poison(record: PlacedRecord, thrown: unknown): Promise<void>;
  /** The caller has to keep the document from coming up again. */
  document(document: UnusableDocument, thrown: unknown): Promise<void>;
}

const counterOf = ({ telemetry }: Pick<Host, 'telemetry'>) =>
  telemetry.counter(
    'rapport_records_rejected_total',
    'Records and stored documents that a room could not take and put into events.rejected.v1',
    ['stage', 'code'],
  );

/** The rejections of one room, which calls itself `stage` there. */
export function rejectionsOf(host: Pick<Host, 'log' | 'clock' | 'telemetry'>, stage: string): Rejections {
  const counter = counterOf(host);
  const reject = async (rejections: readonly Rejection[]): Promise<void> => {
    if (rejections.length === 0) return;
    await rejectRecords(host.log, stage, rejections, host.clock.now());
    for (const { code } of rejections) counter.inc({ stage, code });
    const codes = [...new Set(rejections.map(({ code }) => code))];
    const [{ position, document } = {}] = rejections;
    host.telemetry.log.warn(
      { stage, count: rejections.length, codes, first: position ?? document },
      'could not be taken and went to events.rejected.v1; see: rapport rejected list',
    );
  };
  return {
    reject,
    poison: (record, thrown) =>
      reject([rejectionOf(record, codeOf(thrown, recordUnprocessable), messageOf(thrown))]),
    document: ({ collection, id, content }, thrown) =>
      reject([
        {
          code: documentUnusable,
          detail: `${codeOf(thrown, thrown instanceof Error ? thrown.name : 'Error')}: ${messageOf(thrown)}`,
          original: textOf(content),
          document: { collection, id },
        },
      ]),
  };
}

/** How much each stage rejected since this process started, for GET /v1/status. */
export async function rejectedByStage(
  host: Pick<Host, 'telemetry'>,
): Promise<Readonly<Record<string, number>>> {
  const byStage: Record<string, number> = {};
  for (const { labels, value } of (await counterOf(host).get()).values) {
    const stage = String(labels['stage']);
    byStage[stage] = (byStage[stage] ?? 0) + value;
  }
  return byStage;
}

/** As JSON, with what JSON has no form for written out: it may be just that which is wrong. */
function textOf(content: unknown): string {
  try {
    return JSON.stringify(content, (_key, value: unknown) => {
      if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)))
        return String(value);
      return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value;
    });
  } catch {
    return String(content);
  }
}
