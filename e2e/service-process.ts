import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { EventLog, TopicContract } from '@rapport/event-log';
import { repositoryRoot } from '@rapport/testing';

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until it holds; throws with the last thing that was thrown. */
export async function until<T>(
  what: string,
  holds: () => Promise<T | undefined>,
  withinMs = 40_000,
): Promise<T> {
  const giveUpAt = Date.now() + withinMs;
  for (let last = ''; ; await pause(100)) {
    try {
      const held = await holds();
      if (held !== undefined) return held;
    } catch (thrown) {
      last = String(thrown);
    }
    if (Date.now() > giveUpAt) throw new Error(`not within ${withinMs} ms: ${what} ${last}`);
  }
}

/** One service as it is deployed: its main.ts in a process of its own, on any free ports. */
export interface ServiceProcess {
  readonly child: ChildProcess;
  /** Both streams. */
  readonly output: () => string;
  readonly url: () => Promise<string>;
  readonly ended: Promise<number | null>;
}

/** `limits`: shell commands that go before it, `ulimit` for one. */
export function startService(
  service: string,
  environment: Readonly<Record<string, string>>,
  limits = '',
): ServiceProcess {
  const main = join(repositoryRoot, `services/${service}/dist/main.js`);
  const child = spawn('sh', ['-c', `${limits} exec "$0" "$@"`, process.execPath, main], {
    cwd: repositoryRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      RAPPORT_HTTP_PORT: '0',
      RAPPORT_GRPC_PORT: '0',
      RAPPORT_METRICS_PORT: '0',
      RAPPORT_WRITE_KEYS: 'web=key',
      RAPPORT_API_TOKEN: 'token',
      RAPPORT_LOG_LEVEL: 'info',
      ...environment,
    },
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (some: Buffer) => (printed += some.toString()));
  return {
    child,
    output: () => printed,
    ended: new Promise((resolve) => child.once('exit', (code) => resolve(code))),
    url: () =>
      until(
        `${service} listens`,
        () => {
          if (child.exitCode !== null) throw new Error(printed);
          return Promise.resolve(/"http":"([^"]+)"/.exec(printed)?.[1]);
        },
        30_000,
      ),
  };
}

/** What is said by /readyz to be waited for; empty when it is ready. */
export async function waitingFor(url: string): Promise<readonly string[]> {
  const answer = (await (await fetch(`${url}/readyz`)).json()) as {
    readonly status: string;
    readonly waiting?: readonly string[];
  };
  return answer.status === 'ready' ? [] : (answer.waiting ?? [answer.status]);
}

export const untilReady = (url: string, withinMs?: number): Promise<boolean> =>
  until(
    'ready',
    async () => {
      const waiting = await waitingFor(url);
      if (waiting.length > 0) throw new Error(waiting.join(' | '));
      return true;
    },
    withinMs,
  );

let sent = 0;

/** Sends some events; answers the ids that were acknowledged. */
export async function sendSome(url: string, count = 5): Promise<string[]> {
  const ids = Array.from({ length: count }, () => `event-${sent++}`);
  try {
    const answer = await fetch(`${url}/v1/batch`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from('key:').toString('base64')}` },
      body: JSON.stringify({
        batch: ids.map((messageId) => ({ type: 'track', event: 'Seen', userId: messageId, messageId })),
      }),
      signal: AbortSignal.timeout(8_000),
    });
    return answer.status === 200 ? ids : [];
  } catch {
    return [];
  }
}

/** Sends until some are acknowledged; answers their ids. */
export const untilTaken = (url: string, withinMs?: number): Promise<string[]> =>
  until(
    'taken again',
    async () => {
      const ids = await sendSome(url);
      return ids.length > 0 ? ids : undefined;
    },
    withinMs,
  );

/** The message ids in a topic of events. */
export async function recordedIn(log: EventLog, { name, partitions }: TopicContract): Promise<string[]> {
  const all = await Promise.all(
    Array.from({ length: partitions }, (_, partition) => log.read(name, partition, 0, 100_000)),
  );
  return all
    .flat()
    .map(({ value }) => (JSON.parse(Buffer.from(value ?? []).toString()) as { messageId: string }).messageId);
}
