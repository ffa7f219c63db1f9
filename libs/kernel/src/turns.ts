// The event loop is shared by everything in a process: batches of many records and requests that somebody waits for.
// Who works through many records asks here between any two of them.

/** How long all work of one turn may hold the event loop before sockets and timers are looked at. */
const longestTurnMs = 2;

/** How long work that nobody waits for stands back at most while a request is under way. */
const longestHoldMs = 10;

const waiting: (() => void)[] = [];
/** When work began in this turn of the loop; undefined before any did. */
let beganMs: number | undefined;
let scheduled = false;

/**
 * To be asked, and awaited where it answers a promise, between small pieces of work: undefined while this turn of the
 * event loop has time left, otherwise a promise of a turn of one's own.
 */
export function takeTurn(): Promise<void> | undefined {
  const nowMs = performance.now();
  if (beganMs === undefined) {
    beganMs = nowMs;
    schedule();
    return undefined;
  }
  return nowMs - beganMs < longestTurnMs ? undefined : nextTurn();
}

/** A later turn of the event loop for this caller alone, first come first served. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    schedule();
  });
}

let requests = 0;
let held: (() => void)[] = [];
let holding: NodeJS.Timeout | undefined;

/** Answers a request that somebody waits for: while any is under way, no new batch begins (`requestsFirst`). */
export async function aheadOfBatches<T>(answer: () => Promise<T>): Promise<T> {
  requests++;
  try {
    return await answer();
  } finally {
    requests--;
    if (requests === 0) letGo();
  }
}

/** To be awaited before a batch begins: a moment without requests under way, but 10 ms later at the latest. */
export function requestsFirst(): Promise<void> | undefined {
  if (requests === 0) return undefined;
  return new Promise((resolve) => {
    held.push(resolve);
    holding ??= setTimeout(letGo, longestHoldMs);
  });
}

function letGo(): void {
  clearTimeout(holding);
  holding = undefined;
  const free = held;
  held = [];
  for (const go of free) go();
}

/** Runs a piece of work for each input, in order, and lets the event loop turn in between where it is time. */
export async function mapInTurns<In, Out>(
  inputs: readonly In[],
  work: (input: In, index: number) => Out,
): Promise<Out[]> {
  const done: Out[] = [];
  for (let index = 0; index < inputs.length; index++) {
    done.push(work(inputs[index] as In, index));
    const turn = takeTurn();
    if (turn !== undefined) await turn;
  }
  return done;
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(() => {
    scheduled = false;
    const next = waiting.shift();
    beganMs = next === undefined ? undefined : performance.now();
    if (next === undefined) return;
    schedule();
    next();
  });
}
