import type { DecisionRecord } from '@rapport/contracts';

interface Written {
  readonly record: string;
  readonly candidates: string;
}

const known = new WeakMap<DecisionRecord, Written>();

/** A record never changes, and with many candidates it is large: ledger, topic and answer share one text. */
function written(record: DecisionRecord): Written {
  let texts = known.get(record);
  if (texts === undefined) {
    const { candidates: list, ...rest } = record;
    const candidates = JSON.stringify(list);
    known.set(record, (texts = { record: withCandidates(rest, candidates), candidates }));
  }
  return texts;
}

const withCandidates = (rest: object, candidates: string): string =>
  `${JSON.stringify(rest).slice(0, -1)},"candidates":${candidates}}`;

/** A record as JSON. */
export const jsonOf = (record: DecisionRecord): string => written(record).record;

/** What POST /v1/decide answers: the part of the record that a page needs, as JSON. */
export function answerJsonOf(record: DecisionRecord): string {
  const { decisionId, chosen, propensity, holdout, rung } = record;
  return withCandidates({ decisionId, chosen, propensity, holdout, rung }, written(record).candidates);
}
