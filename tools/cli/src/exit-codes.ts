import { RapportError, type ErrorStatus } from '@rapport/kernel';

/** What the shell is told; the same for every command. */
export const exitCodes = {
  /** Done. */
  done: 0,
  /** It ran, and the answer is no: a playbook with errors, an import that lost lines, a platform that said no. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** There is no such person, decision or record. */
  notFound: 3,
  /** No platform answers, or it does not let us in. */
  unreachable: 4,
  /** Stopped by Ctrl-C. */
  interrupted: 130,
} as const;

const byStatus: Partial<Record<ErrorStatus, number>> = {
  not_found: exitCodes.notFound,
  unavailable: exitCodes.unreachable,
  unauthenticated: exitCodes.unreachable,
  forbidden: exitCodes.unreachable,
};

/** The exit code of anything that was thrown. */
export function exitCodeOf(thrown: unknown): number {
  if (!(thrown instanceof RapportError)) return exitCodes.failed;
  if (thrown.code === 'CLI_INTERRUPTED') return exitCodes.interrupted;
  return thrown.code.startsWith('CLI_USAGE') || thrown.code === 'IDENTIFIER_INVALID'
    ? exitCodes.usage
    : (byStatus[thrown.status] ?? exitCodes.failed);
}
