import type { decisionsProto } from '@rapport/contracts';
import { type DecisionRecord } from '@rapport/contracts';
import { amountLimit, isAmount, weighsAtMost, type Clock } from '@rapport/kernel';
import type { Asked } from '@rapport/service-host';
import { decisionUnknown, requestInvalid } from '../orchestrator.errors.js';
import type { DecisionLedger } from '../ports/decision-ledger.js';
import type { Answer } from '../steps/answer-request.js';
import { shownDecision } from './hide-personal.js';

const maxBatch = 100;
/** Outcomes stay in the ledger with their names. */
const maxMetricBytes = 200;

export interface DecisionsGrpcParts {
  readonly answer: Answer;
  readonly ledger: DecisionLedger;
  readonly clock: Clock;
  readonly onAnswered: (seconds: number, rung: string) => void;
}

/** DecisionsService over the same pipeline as HTTP. */
export class DecisionsGrpc implements decisionsProto.DecisionsService {
  constructor(readonly parts: DecisionsGrpcParts) {}

  async decide(request: decisionsProto.DecideRequest): Promise<decisionsProto.DecideResponse> {
    const began = performance.now();
    const { person, placement, candidates, context } = request;
    const record = await this.parts.answer({
      person,
      placement,
      candidates,
      ...(context === undefined ? {} : { context: context }),
    });
    this.parts.onAnswered((performance.now() - began) / 1000, record.rung);
    return toResponse(record);
  }

  async batchDecide(request: decisionsProto.BatchDecideRequest): Promise<decisionsProto.BatchDecideResponse> {
    if (request.requests.length > maxBatch) {
      throw requestInvalid(`requests: expected at most ${maxBatch}; got ${request.requests.length}`);
    }
    return { responses: await Promise.all(request.requests.map(async (one) => this.decide(one))) };
  }

  async explainDecision(
    request: decisionsProto.ExplainDecisionRequest,
    asked?: Asked,
  ): Promise<decisionsProto.ExplainDecisionResponse> {
    const entry = await this.parts.ledger.get(request.decisionId);
    if (entry === undefined) throw decisionUnknown(request.decisionId);
    return { decision: { ...shownDecision(entry, asked) } };
  }

  async recordOutcome(
    request: decisionsProto.RecordOutcomeRequest,
  ): Promise<decisionsProto.RecordOutcomeResponse> {
    const { decisionId, metric, value } = request;
    if (metric === '' || !weighsAtMost(metric, maxMetricBytes))
      throw requestInvalid(
        `metric: expected a name of 1 to ${maxMetricBytes} bytes, for example purchase; got ${metric.length} characters`,
      );
    if (!isAmount(value))
      throw requestInvalid(
        `value: expected a number between -${amountLimit} and ${amountLimit}, both excluded; got ${value}`,
      );
    const at = new Date(this.parts.clock.now()).toISOString();
    if (!(await this.parts.ledger.addOutcome(decisionId, { metric, value, at })))
      throw decisionUnknown(decisionId);
    return {};
  }
}

function toResponse(record: DecisionRecord): decisionsProto.DecideResponse {
  const { chosen } = record;
  return {
    decisionId: record.decisionId,
    chosen:
      chosen === null
        ? undefined
        : {
            tactic: chosen.tactic,
            variant: chosen.variant,
            content: chosen.content,
            items: [...(chosen.items ?? [])],
          },
    candidates: record.candidates.map(({ tactic, variant, outcome, reason, score }) => ({
      tactic,
      variant: variant ?? '',
      outcome,
      reason,
      ...(score === undefined ? {} : { score }),
    })),
    propensity: record.propensity,
    holdout: record.holdout,
    rung: record.rung,
  };
}
