/** How a failure is told at the doors: HTTP status and gRPC status follow from it. */
export type ErrorStatus =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'exhausted'
  | 'unavailable'
  | 'unimplemented'
  | 'internal';

/**
 * An error that a caller can act on: a code `SCOPE_REASON`, and a message that says what was expected,
 * what came and how to fix it.
 */
export class RapportError extends Error {
  override readonly name = 'RapportError';

  constructor(
    readonly code: string,
    readonly status: ErrorStatus,
    message: string,
    readonly detail?: string,
  ) {
    super(message);
  }
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
