/** What a step says about one record. Expected outcomes are values; exceptions are for bugs and broken infrastructure. */
export type Outcome<T> =
  | { readonly kind: 'pass'; readonly value: T }
  | { readonly kind: 'drop'; readonly reason: string }
  | { readonly kind: 'reject'; readonly code: string; readonly detail: string }
  | { readonly kind: 'retry'; readonly cause: string };

/** The record goes on to the next step. */
export const pass = <T>(value: T): Outcome<T> => ({ kind: 'pass', value });
/** The record ends here on purpose (a duplicate, say); counted by reason, not kept. */
export const drop = (reason: string): Outcome<never> => ({ kind: 'drop', reason });
/** The record is wrong and goes to the rejected topic with this code (`SCOPE_REASON`) and detail. */
export const reject = (code: string, detail: string): Outcome<never> => ({ kind: 'reject', code, detail });
/** The record could not be dealt with now; the runner tries again with backoff. */
export const retry = (cause: string): Outcome<never> => ({ kind: 'retry', cause });
