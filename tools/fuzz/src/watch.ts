import { get } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { GroupLag } from './asks.js';
import type { Findings } from './findings.js';
import type { FuzzedPlatform } from './fuzzed-platform.js';

/** /healthz answers within this, whatever comes in. The machine is shared, so it is well above what a free one needs. */
const healthWithinMs = 5_000;
const ownStandstillMs = 500;
/** Beyond so many records that wait, the doors that feed the log pause: the end could not be waited for otherwise. */
const mostWaiting = 2_000;

/** Looks after the platform all the time: alive, its memory, what waits. */
export class Watch {
  longestHealthMs = 0;
  longestStandstillMs = 0;
  /** Bytes, one a second. */
  readonly memory: number[] = [];
  #lags: readonly GroupLag[] = [];
  #pid = 0;
  readonly #ownDelay = monitorEventLoopDelay({ resolution: 20 });
  #isOn = true;
  readonly #loops: Promise<void>[];

  constructor(
    private readonly platform: FuzzedPlatform,
    private readonly findings: Findings,
    /** The inputs that are on their way. */
    private readonly sending: () => readonly string[],
  ) {
    this.#ownDelay.enable();
    this.#loops = [
      this.#every(100, () => this.#health()),
      this.#every(1_000, async () => void this.memory.push(this.platform.ownMemory())),
      this.#every(500, () => this.#look()),
    ];
  }

  get waiting(): number {
    return this.#lags.reduce((sum, { lag }) => sum + lag, 0);
  }

  /** Whether the doors that feed the log should wait. */
  get isBehind(): boolean {
    return this.waiting > mostWaiting;
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    this.#ownDelay.disable();
    await Promise.all(this.#loops);
  }

  async #every(ms: number, work: () => Promise<void>): Promise<void> {
    while (this.#isOn) {
      // While the platform is down there is nothing to look at.
      if (this.platform.death === undefined) await work().catch(() => undefined);
      await pause(ms);
    }
  }

  async #look(): Promise<void> {
    const sending = this.sending();
    this.#lags = await this.platform.ask({ ask: 'lags' });
    const { ms } = await this.platform.ask({ ask: 'standstill' });
    // The first answer speaks of the start.
    if (this.#pid !== this.platform.pid) {
      this.#pid = this.platform.pid;
      return;
    }
    this.longestStandstillMs = Math.max(this.longestStandstillMs, ms);
    if (ms > healthWithinMs)
      this.findings.add(
        'standstill',
        'event loop',
        `it stood still for ${Math.round(ms)} ms; on their way: ${sending.join()}`,
      );
  }

  async #health(): Promise<void> {
    const began = performance.now();
    const status = await new Promise<number | string>((resolve) => {
      const asked = get(
        `${this.platform.httpUrl}/healthz`,
        { agent: false, timeout: healthWithinMs },
        (response) => {
          response.resume();
          response.once('end', () => resolve(response.statusCode ?? 0));
        },
      );
      asked.once('timeout', () => {
        asked.destroy();
        resolve('nothing');
      });
      asked.once('error', () => resolve('gone'));
    });
    // Where the fuzzer itself stood still, it cannot tell how long the answer took; the platform's own clock can.
    const ownMs = this.#ownDelay.max / 1e6;
    this.#ownDelay.reset();
    const tookMs = performance.now() - began;
    if (status === 'gone' || ownMs > ownStandstillMs) return;
    this.longestHealthMs = Math.max(this.longestHealthMs, tookMs);
    if (status !== 200)
      this.findings.add('standstill', '/healthz', `expected 200 within ${healthWithinMs} ms; got ${status}`);
  }
}

export interface Settled {
  readonly lags: readonly GroupLag[];
  /** The lags that /v1/status tells and that are not 0, each with its consumer. */
  readonly told: readonly string[];
  /** What /readyz says when it is not 200. */
  readonly notReady: string | undefined;
}

/** Waits until no group has anything left and /readyz is 200; answers what is still so when the time is over. */
export async function settle(platform: FuzzedPlatform, withinMs: number): Promise<Settled> {
  const deadline = performance.now() + withinMs;
  for (let quiet = 0; ;) {
    const settled = await look(platform).catch(() => undefined);
    const isQuiet =
      settled !== undefined &&
      settled.notReady === undefined &&
      settled.told.length === 0 &&
      settled.lags.every(({ lag }) => lag === 0);
    quiet = isQuiet ? quiet + 1 : 0;
    // Rooms feed each other: once is not enough.
    if (settled !== undefined && quiet === 5) return settled;
    if (performance.now() > deadline || platform.death !== undefined)
      return settled ?? { lags: [], told: [], notReady: platform.death?.how ?? 'no answer' };
    await pause(200);
  }
}

async function look(platform: FuzzedPlatform): Promise<Settled> {
  const lags = await platform.ask({ ask: 'lags' });
  const response = await fetch(`${platform.httpUrl}/readyz`, { signal: AbortSignal.timeout(5_000) });
  const text = await response.text();
  const status = await fetch(`${platform.httpUrl}/v1/status`, {
    headers: { authorization: `Bearer ${platform.apiToken}` },
    signal: AbortSignal.timeout(5_000),
  });
  const { lags: told = {} } = (await status.json()) as { lags?: Readonly<Record<string, number>> };
  return {
    lags,
    told: Object.entries(told).flatMap(([consumer, lag]) => (lag > 0 ? [`${consumer}: ${lag}`] : [])),
    notReady: response.status === 200 ? undefined : `${response.status} ${text.slice(0, 1_000)}`,
  };
}
