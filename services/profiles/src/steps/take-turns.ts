/** How long work may hold the event loop before sockets and timers are looked at. */
const longestTurnMs = 5;

/** Answers a function that lets the event loop turn when this stretch of work has held it for 5 ms. */
export function turnTaker(): () => Promise<void> | undefined {
  let startedMs = performance.now();
  return () => {
    if (performance.now() - startedMs < longestTurnMs) return undefined;
    return new Promise((resolve) =>
      setImmediate(() => {
        startedMs = performance.now();
        resolve();
      }),
    );
  };
}
