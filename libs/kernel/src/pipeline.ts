import type { Outcome } from './outcome.js';

/** A record that a pipeline refused, with what the rejected topic needs to say about it. */
export interface Refusal<In> {
  readonly input: In;
  readonly stage: string;
  readonly code: string;
  readonly detail: string;
}

/** What became of each record of a batch: every input is in exactly one of the three. */
export interface BatchReport<In, Out> {
  readonly passed: readonly Out[];
  readonly dropped: readonly { readonly input: In; readonly reason: string }[];
  readonly refused: readonly Refusal<In>[];
}

/** How often and how patiently a `retry` outcome is tried again. */
export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** Wait before the second try; doubled each time. */
  readonly firstDelayMs: number;
  readonly sleep: (ms: number) => Promise<void>;
}

const defaultRetry: RetryPolicy = {
  attempts: 5,
  firstDelayMs: 50,
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/**
 * Runs one step over a batch: the step answers one outcome per input, in order. `retry` outcomes are tried
 * again with backoff; one that never settles is refused with `<STAGE>_RETRIES_EXHAUSTED`, so that a poison
 * record cannot block the records behind it. What the step throws is not caught: the batch was not done.
 */
export async function runBatch<In, Out>(
  stage: string,
  step: (batch: readonly In[]) => Promise<readonly Outcome<Out>[]> | readonly Outcome<Out>[],
  batch: readonly In[],
  policy: RetryPolicy = defaultRetry,
): Promise<BatchReport<In, Out>> {
  const settled = new Array<Outcome<Out> | undefined>(batch.length);
  let open = batch.map((_, index) => index);
  for (let attempt = 1, delayMs = policy.firstDelayMs; open.length > 0; attempt++, delayMs *= 2) {
    const outcomes = await step(open.map((index) => batch[index] as In));
    const again: number[] = [];
    for (const [i, index] of open.entries()) {
      const outcome = outcomes[i];
      if (outcome === undefined)
        throw new Error(`step ${stage} answered ${outcomes.length} outcomes for ${open.length} records`);
      if (outcome.kind === 'retry' && attempt < policy.attempts) again.push(index);
      else if (outcome.kind === 'retry') {
        settled[index] = {
          kind: 'reject',
          code: `${stage.toUpperCase()}_RETRIES_EXHAUSTED`,
          detail: outcome.cause,
        };
      } else settled[index] = outcome;
    }
    open = again;
    if (open.length > 0) await policy.sleep(delayMs);
  }
  const passed: Out[] = [];
  const dropped: { input: In; reason: string }[] = [];
  const refused: Refusal<In>[] = [];
  for (const [index, outcome] of settled.entries()) {
    const input = batch[index] as In;
    if (outcome?.kind === 'pass') passed.push(outcome.value);
    else if (outcome?.kind === 'drop') dropped.push({ input, reason: outcome.reason });
    else if (outcome?.kind === 'reject')
      refused.push({ input, stage, code: outcome.code, detail: outcome.detail });
  }
  return { passed, dropped, refused };
}
