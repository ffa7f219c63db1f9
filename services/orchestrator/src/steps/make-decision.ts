import type { DecisionRecord } from '@rapport/contracts';
import type { Decide, DecideInput } from '../decide.pipeline.js';
import type { DecisionLedger } from '../ports/decision-ledger.js';

export type MakeDecision = (input: DecideInput) => Promise<DecisionRecord>;

/**
 * Works a decision out and records it. The place under the caps and the ledger's entry are on their way to disk
 * together; when another process was quicker with the caps, the decision is worked out again under its id.
 */
export function createMakeDecision(decide: Decide, ledger: DecisionLedger): MakeDecision {
  return async (input) => {
    for (;;) {
      const { record, stood } = await decide(input);
      const [isGood] = await Promise.all([stood, ledger.keep(record)]);
      if (isGood) return record;
    }
  };
}
