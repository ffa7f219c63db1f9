import { quoted } from './accepted-json.js';
import type { IngestionErrorCode } from '../ingestion.errors.js';
import type { Ignored } from './ignored.js';

/** What became of one event, in the order of the request. */
export interface Verdict {
  readonly messageId: string;
  readonly accepted: boolean;
  /** Absent when accepted. */
  readonly code?: IngestionErrorCode;
  /** What was expected, what came, how to fix it; absent when accepted. */
  readonly detail?: string;
  /** Parts of an accepted event that have no effect; absent when there are none. */
  readonly ignored?: readonly Ignored[];
}

/** The answer of the front door; written by hand because it is written for every request. */
export function verdictsAsJson(verdicts: readonly Verdict[]): string {
  let results = '';
  let success = true;
  for (const verdict of verdicts) {
    if (results !== '') results += ',';
    if (verdict.accepted && verdict.ignored === undefined)
      results += `{"messageId":${quoted(verdict.messageId)},"accepted":true}`;
    else {
      success &&= verdict.accepted;
      results += JSON.stringify(verdict);
    }
  }
  return `{"success":${success},"results":[${results}]}`;
}
