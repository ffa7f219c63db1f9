import type { DecisionRecord } from '@rapport/contracts';

interface Texts {
  readonly record: string;
  readonly candidates: string;
}

/** Where a record carries its texts: on itself, so that they go with it. A WeakMap would keep each until the next full collection. */
const texts = Symbol('texts');

/**
 * A record never changes, and with many candidates it is large: ledger, topic and answer share one text. A property
 * under a symbol is in no JSON and no copy of a record's fields that names them.
 */
function written(record: DecisionRecord & { [texts]?: Texts }): Texts {
  const known = record[texts];
  if (known !== undefined) return known;
  const { candidates: list, ...rest } = record;
  const candidates = JSON.stringify(list);
  return (record[texts] = { record: withCandidates(rest, candidates), candidates });
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
