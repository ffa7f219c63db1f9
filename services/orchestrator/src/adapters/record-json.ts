import type { DecisionRecord } from '@rapport/contracts';

const written = new WeakMap<DecisionRecord, string>();

/** A record as JSON. With many candidates it is large, so ledger and topic share one text: a record never changes. */
export function jsonOf(record: DecisionRecord): string {
  let json = written.get(record);
  if (json === undefined) written.set(record, (json = JSON.stringify(record)));
  return json;
}
