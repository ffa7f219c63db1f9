import { z } from 'zod';
import type { Answer, Mail } from '../domain/answers.js';

/** An answer to `POST /v1/decide`, with what a page puts on the screen. */
export type DecideAnswer = Answer;

const answerShape = z.object({
  decisionId: z.string(),
  chosen: z.object({ tactic: z.string(), variant: z.string() }).nullish(),
  candidates: z
    .array(
      z.object({
        tactic: z.string(),
        outcome: z.enum([
          'chosen',
          'not_eligible',
          'no_consent',
          'suppressed',
          'holdout',
          'capped',
          'outranked',
        ]),
        score: z.number().nullish(),
      }),
    )
    .default([]),
});

/** Reads a decision; a page without a choice has `chosen` null. */
export function readAnswer(json: unknown): DecideAnswer {
  const answer = answerShape.parse(json);
  return {
    decisionId: answer.decisionId,
    chosen: answer.chosen ?? null,
    candidates: answer.candidates.map(({ tactic, outcome, score }) =>
      score == null ? { tactic, outcome } : { tactic, outcome, score },
    ),
  };
}

/** A page of the mail sink: what came in, and where to go on. */
export interface SinkPage {
  readonly mails: readonly Mail[];
  readonly next: string | undefined;
}

const messagesShape = z.object({
  messages: z.array(
    z.object({
      messageId: z.string(),
      channel: z.string(),
      tactic: z.string(),
      to: z.string(),
      at: z.string(),
    }),
  ),
  nextCursor: z.string().nullish(),
});

/** Reads the listing of messages; only mails are for people's inboxes. */
export function readMessages(json: unknown): SinkPage {
  const { messages, nextCursor } = messagesShape.parse(json);
  return {
    mails: messages
      .filter((message) => message.channel === 'email')
      .map(({ messageId, to, tactic, at }) => ({ id: messageId, to, tactic, atMs: Date.parse(at) })),
    next: nextCursor ?? undefined,
  };
}

/** What the platform says a tactic is worth. */
export interface ReportedLift {
  readonly tactic: string;
  readonly treated: number;
  readonly heldOut: number;
  /** Absent while there are too few people to say. */
  readonly lift?: number;
  readonly low?: number;
  readonly high?: number;
}

const arm = z.object({ people: z.number() });
const liftsShape = z.object({
  tactics: z.array(
    z.object({
      tactic: z.string(),
      treated: arm,
      heldOut: arm,
      lift: z.number().nullish(),
      low: z.number().nullish(),
      high: z.number().nullish(),
    }),
  ),
});

/** Reads `GET /v1/tactics`. */
export function readReportedLifts(json: unknown): readonly ReportedLift[] {
  return liftsShape.parse(json).tactics.map(({ tactic, treated, heldOut, lift, low, high }) => ({
    tactic,
    treated: treated.people,
    heldOut: heldOut.people,
    ...(lift == null ? {} : { lift }),
    ...(low == null ? {} : { low }),
    ...(high == null ? {} : { high }),
  }));
}
