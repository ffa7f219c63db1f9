import type { FastifyInstance } from 'fastify';
import type { DecisionRecord, JsonObject } from '@rapport/contracts';
import { askedBy } from '@rapport/service-host';
import { decisionUnknown, requestInvalid } from '../orchestrator.errors.js';
import type { DecisionLedger } from '../ports/decision-ledger.js';
import type { Answer, DecideRequest } from '../steps/answer-request.js';
import { shownDecision } from './hide-personal.js';

export interface DecideRoutes {
  readonly answer: Answer;
  readonly ledger: DecisionLedger;
  /** An answer as JSON. */
  readonly jsonOf: (record: DecisionRecord) => string;
  /** Told how long an answer took. */
  readonly onAnswered: (seconds: number, rung: string) => void;
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads the body of POST /v1/decide; says what was expected where it is otherwise. */
export function readDecideBody(body: unknown): DecideRequest {
  if (!isObject(body))
    throw requestInvalid('expected a JSON object { person, placement, candidates?, context? }');
  const { person, placement, candidates, context } = body;
  if (typeof person !== 'string') throw requestInvalid(`person: expected type:value; got ${typeof person}`);
  if (typeof placement !== 'string') {
    throw requestInvalid(`placement: expected the name of a placement; got ${typeof placement}`);
  }
  const named: unknown = candidates ?? [];
  if (!Array.isArray(named) || !named.every((name): name is string => typeof name === 'string')) {
    throw requestInvalid('candidates: expected a list of tactic names');
  }
  if (context !== undefined && context !== null && !isObject(context)) {
    throw requestInvalid('context: expected a JSON object');
  }
  return { person, placement, candidates: named, ...(isObject(context) ? { context } : {}) };
}

/** POST /v1/decide and GET /v1/decisions/:id. */
export function mountDecide(http: FastifyInstance, routes: DecideRoutes): void {
  http.post('/v1/decide', { config: { action: 'decide' } }, async (request, reply) => {
    const began = performance.now();
    const record = await routes.answer(readDecideBody(request.body));
    routes.onAnswered((performance.now() - began) / 1000, record.rung);
    return await reply.type('application/json; charset=utf-8').send(routes.jsonOf(record));
  });

  const read = { config: { action: 'decisions.read' } } as const;
  http.get<{ Params: { id: string } }>('/v1/decisions/:id', read, async (request) => {
    const entry = await routes.ledger.get(request.params.id);
    if (entry === undefined) throw decisionUnknown(request.params.id);
    return shownDecision(entry, askedBy(request));
  });
}
