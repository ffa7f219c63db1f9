import type { Sent } from './load.js';

/** Where a platform listens, and how to be let in. */
export interface Door {
  readonly httpUrl: string;
  readonly apiToken: string;
  readonly writeKey: string;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A call that did not come through: no answer, or one that says to try again. */
export class NotNow extends Error {}

const callMs = 30_000;

/** One call with the API token; throws NotNow where trying again can help. */
export async function call(
  door: Door,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
  longestMs = callMs,
): Promise<Answer> {
  return request(door, method, path, `Bearer ${door.apiToken}`, body, longestMs);
}

/** A batch at the front door; answers the verdicts by messageId. */
export async function sendBatch(door: Door, batch: readonly Sent[]): Promise<ReadonlyMap<string, boolean>> {
  const authorization = `Basic ${Buffer.from(`${door.writeKey}:`).toString('base64')}`;
  const answer = await request(door, 'POST', '/v1/batch', authorization, { batch }, callMs);
  const { results } = answer.body as {
    results: { messageId: string; accepted: boolean; code?: string; detail?: string }[];
  };
  const refused = results.find(({ accepted }) => !accepted);
  if (refused !== undefined) throw new Error(`the front door refused ${JSON.stringify(refused)}`);
  return new Map(results.map(({ messageId, accepted }) => [messageId, accepted]));
}

async function request(
  door: Door,
  method: string,
  path: string,
  authorization: string,
  body: unknown,
  longestMs: number,
): Promise<Answer> {
  let status: number;
  let text: string;
  try {
    const response = await fetch(door.httpUrl + path, {
      method,
      headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      signal: AbortSignal.timeout(longestMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    status = response.status;
    text = await response.text();
  } catch (thrown) {
    throw new NotNow(`${method} ${path}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
  if (status === 429 || status >= 500) throw new NotNow(`${method} ${path}: ${status} ${text.slice(0, 300)}`);
  return { status, body: text === '' ? {} : (JSON.parse(text) as unknown) };
}

/** Does it until it comes through; as any client of the platform would. */
export async function untilThrough<T>(work: () => Promise<T>, withinMs = 180_000): Promise<T> {
  const giveUpAt = Date.now() + withinMs;
  for (let waitMs = 50; ; waitMs = Math.min(waitMs * 2, 1_000)) {
    try {
      return await work();
    } catch (thrown) {
      if (!(thrown instanceof NotNow) || Date.now() > giveUpAt) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}
