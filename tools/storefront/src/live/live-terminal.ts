import { messageOf } from '@rapport/kernel';
import type { ReportedLift } from '../doors/answers-read.js';
import { pause, PlatformDoor } from '../doors/platform-door.js';
import type { ShownDecision } from './demo-shop.js';
import { readStatus, type PlatformStatus } from './platform-status.js';
import { renderLine, renderScreen, type Scene } from './screen.js';

/** Where the terminal writes; `process.stdout` fits. */
export interface TerminalOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export interface LiveTerminalOptions {
  readonly httpUrl: string;
  readonly apiToken: string;
  /** What to open: name and address, in the order shown. */
  readonly addresses: readonly (readonly [name: string, address: string])[];
  readonly output: TerminalOutput;
  /** Default 1 s on a terminal, 5 s elsewhere. */
  readonly everyMs?: number;
  /** The demo shop's newest decisions and troubles, where one runs. */
  readonly recent?: () => readonly ShownDecision[];
  readonly trouble?: () => string | undefined;
}

export interface LiveTerminal {
  /** Draws a last time and leaves the cursor below the screen. */
  stop(): Promise<void>;
}

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const clearBelow = '\x1b[0J';

/** Shows how the platform stands: one screen refreshed in place on a terminal, a line now and then elsewhere. */
export function startLiveTerminal(options: LiveTerminalOptions): LiveTerminal {
  const { output } = options;
  const onScreen = output.isTTY === true;
  const everyMs = options.everyMs ?? (onScreen ? 1_000 : 5_000);
  const ending = new AbortController();
  const watch = new Watch(options);
  let height = 0;
  const draw = (scene: Scene): void => {
    if (!onScreen) {
      output.write(`${renderLine(scene)}\n`);
      return;
    }
    const lines = renderScreen(scene)
      .slice(0, Math.max(1, (output.rows ?? 50) - 1))
      .map((line) => line.slice(0, output.columns ?? 200));
    output.write(`${height === 0 ? '' : `\x1b[${height}A\r`}${clearBelow}${lines.join('\n')}\n`);
    height = lines.length;
  };
  const running = (async (): Promise<void> => {
    if (onScreen) output.write(hideCursor);
    while (!ending.signal.aborted) {
      draw(await watch.look());
      await pause(everyMs, ending.signal);
    }
    if (onScreen) output.write(showCursor);
    await watch.close();
  })();
  return {
    stop: async () => {
      ending.abort();
      await running;
    },
  };
}

/** Asks the platform; what it does not answer stays as it was, and says so. */
class Watch {
  readonly #door: PlatformDoor;
  #status: PlatformStatus = readStatus({});
  #tactics: readonly ReportedLift[] = [];
  #before: { atMs: number; accepted: number } | undefined;

  constructor(readonly options: LiveTerminalOptions) {
    this.#door = new PlatformDoor({ httpUrl: options.httpUrl, apiToken: options.apiToken, writeKey: '' });
  }

  async look(): Promise<Scene> {
    let trouble = this.options.trouble?.();
    try {
      this.#status = this.#withRate(readStatus(await this.#door.read('/v1/status')));
      this.#tactics = await this.#door.lifts();
    } catch (thrown) {
      trouble ??= messageOf(thrown);
    }
    return {
      status: this.#status,
      tactics: this.#tactics,
      recent: this.options.recent?.() ?? [],
      addresses: this.options.addresses,
      trouble,
    };
  }

  async close(): Promise<void> {
    await this.#door.close();
  }

  /** A platform that does not tell its rate is measured between two looks. */
  #withRate(status: PlatformStatus): PlatformStatus {
    const { accepted } = status.events;
    if (accepted === undefined || status.events.perSecond !== undefined) return status;
    const now = performance.now();
    const before = this.#before;
    this.#before = { atMs: now, accepted };
    if (before === undefined || now <= before.atMs) return status;
    const perSecond = (Math.max(0, accepted - before.accepted) * 1_000) / (now - before.atMs);
    return { ...status, events: { ...status.events, perSecond } };
  }
}
