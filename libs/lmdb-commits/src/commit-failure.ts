// What is said of lmdb here was read in its 3.5 write.js. Writes within root.batch() are answered with one resolved
// promise: when the transaction fails, the promise of the batch rejects, and that is the one to await.

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
