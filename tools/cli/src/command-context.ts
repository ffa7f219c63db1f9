import type { CliConfig } from './cli.config.js';
import { exitCodes } from './exit-codes.js';
import { reachRunning, type Platform } from './platform/reach-platform.js';
import type { Terminal } from './terminal.js';

/** What every command is given. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Read when first asked for, so that `--help` works in a broken environment. */
  readonly config: () => CliConfig;
  /** True when the answer is to be JSON on one line. */
  readonly json: () => boolean;
  /** Told by a command that ran well and whose answer is no. */
  readonly exitWith: (code: number) => void;
}

/** Writes an answer: JSON where asked for, text for people otherwise. */
export function answer(context: CommandContext, value: unknown, text: () => string): void {
  context.terminal.out(context.json() ? JSON.stringify(value) : text());
}

/** Runs with the platform that is there, and leaves it as it was. */
export async function withPlatform(
  context: CommandContext,
  use: (platform: Platform) => Promise<void>,
): Promise<void> {
  const platform = await reachRunning(context.config());
  try {
    await use(platform);
  } finally {
    await platform.close();
  }
}

/** The answer of a check. */
export function failWhen(context: CommandContext, wrong: boolean): void {
  if (wrong) context.exitWith(exitCodes.failed);
}
