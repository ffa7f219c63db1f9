import type { BenchServer } from './start-server.js';

/** Reading all metrics takes the server some milliseconds: at this pace, not a twentieth of what is measured. */
const pollMs = 100;

/** How many events profiles has done with (folded, or recognised as doubles), by its own count. */
export async function eventsThroughProfiles(server: BenchServer): Promise<number> {
  const text = await (await fetch(server.metricsUrl)).text();
  let count = 0;
  for (const [, value] of text.matchAll(/^rapport_profiles_events_total\{[^}]*\} (\d+)/gm))
    count += Number(value);
  return count;
}

/** Waits until profiles has done with so many events; answers how many ms it took, or throws after the time allowed. */
export async function waitForEvents(server: BenchServer, count: number, timeoutMs: number): Promise<number> {
  const started = performance.now();
  for (;;) {
    const done = await eventsThroughProfiles(server);
    if (done >= count) return performance.now() - started;
    if (performance.now() - started > timeoutMs)
      throw new Error(`profiles has done with ${done} of ${count} events after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
