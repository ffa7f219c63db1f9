/** Where a command reads its surroundings and writes its answer; a test brings its own. */
export interface Terminal {
  /** A line (or several) of the answer. */
  out(text: string): void;
  /** A line about how it goes; never part of the answer. */
  err(text: string): void;
  /** Whether a person watches: then bars move and tables have colours. */
  readonly interactive: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends when the person presses Ctrl-C or the system asks to stop. */
  readonly stopped: AbortSignal;
}

/** The terminal of this process. A reader that goes away (`| head`) ends the command quietly. */
export function processTerminal(): Terminal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(signal));
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    interactive: process.stdout.isTTY && process.stderr.isTTY,
    environment: process.env,
    stopped: stop.signal,
  };
}
