/**
 * lmdb rejects, beside the transaction, every write in it, and the reason by itself once more. The transaction's
 * rejection is the one that is told; the others are expected, and must not end the process as unhandled.
 */
export function withTransaction(write: Promise<unknown>): void {
  write.then(undefined, () => undefined);
}

/** Why a transaction failed, in the words of the system (no space left, file too large, input/output error). */
export async function causeOfCommit(thrown: unknown): Promise<string> {
  const cause = thrown instanceof Error && 'commitError' in thrown ? thrown.commitError : undefined;
  if (!(cause instanceof Promise)) return String(thrown);
  return cause.then(String, String);
}

let tolerates = false;

/**
 * lmdb also rejects a promise of its own that it gives to nobody (the start of a turn's batch, lmdb 3.5 write.js), which
 * would end the process on a full disk. Only that one is let go; everything else ends the process as before.
 */
export function tolerateDroppedCommits(): void {
  if (tolerates) return;
  tolerates = true;
  process.on('unhandledRejection', (reason) => {
    if (!(reason instanceof Error && 'commitError' in reason)) throw reason;
    void causeOfCommit(reason);
  });
}
