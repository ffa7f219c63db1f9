/**
 * Answers a stream of requests in their order while several are on their way: a client that waits for each answer
 * gets it at once, and one that does not is slowed down when `window` of its requests are open. The first failure
 * ends the stream, after the answers before it.
 */
export async function* answersInOrder<In, Out>(
  requests: AsyncIterable<In>,
  window: number,
  answer: (request: In) => Promise<Out>,
): AsyncGenerator<Out> {
  const open: Promise<Out>[] = [];
  const signals: { arrived?: () => void; taken?: () => void } = {};
  let ended = false;
  let stopped = false;
  let failure: { thrown: unknown } | undefined;
  const read = async (): Promise<void> => {
    try {
      for await (const request of requests) {
        const answering = answer(request);
        // The consumer below sees the failure; until it gets there nobody else must.
        answering.catch(() => undefined);
        open.push(answering);
        signals.arrived?.();
        while (open.length >= window && !stopped)
          await new Promise<void>((resolve) => (signals.taken = resolve));
        if (stopped) return;
      }
    } catch (thrown) {
      failure = { thrown };
    } finally {
      ended = true;
      signals.arrived?.();
    }
  };
  const reading = read();
  try {
    for (;;) {
      const next = open[0];
      if (next !== undefined) {
        const value = await next;
        void open.shift();
        signals.taken?.();
        yield value;
      } else if (ended) break;
      else await new Promise<void>((resolve) => (signals.arrived = resolve));
    }
    if (failure !== undefined) throw failure.thrown;
    await reading;
  } finally {
    stopped = true;
    signals.taken?.();
  }
}
