import { Agent, request, type Dispatcher } from 'undici';
import { answerWithinMs, ConnectionBroke, type Fault } from './door.js';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Connections are kept and shared; none waits for another's answer. */
const agent = new Agent({
  connections: 64,
  pipelining: 1,
  headersTimeout: answerWithinMs,
  bodyTimeout: answerWithinMs,
});

export const closeConnections = (): Promise<void> => agent.destroy();

export interface Call {
  readonly method: Dispatcher.HttpMethod;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** The answer; or a fault when none came in time. Throws ConnectionBroke. */
export async function call(it: Call): Promise<Answer | Fault> {
  try {
    const response = await request(it.url, {
      method: it.method,
      dispatcher: agent,
      ...(it.headers === undefined ? {} : { headers: { ...it.headers } }),
      ...(it.body === undefined ? {} : { body: it.body }),
    });
    return { status: response.statusCode, body: await response.body.text() };
  } catch (thrown) {
    const { name } = thrown as Error;
    if (name === 'HeadersTimeoutError' || name === 'BodyTimeoutError')
      return { kind: 'no answer', place: pathOf(it), text: `nothing for ${answerWithinMs} ms` };
    throw new ConnectionBroke((thrown as Error).message);
  }
}

const pathOf = ({ method, url }: Call): string => `${method} ${new URL(url).pathname}`;

export const isFault = (answer: Answer | Fault): answer is Fault => 'kind' in answer;

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A 5xx: the client cannot have been the cause. The code is part of the place, so that different ones are told apart. */
export function serverFault(place: string, { status, body }: Answer): Fault | undefined {
  if (status < 500) return undefined;
  const code = /"code":\s*"([A-Z_]+)"/.exec(body)?.[1] ?? /"error":\s*"([A-Z_]+)/.exec(body)?.[1] ?? '';
  return { kind: 'server fault', place: `${place} ${status} ${code}`.trim(), text: body.slice(0, 600) };
}
