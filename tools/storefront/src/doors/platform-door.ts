import { Agent, request } from 'undici';
import { messageOf } from '@rapport/kernel';
import type { ShopEvent } from '../domain/shop-events.js';
import {
  readAnswer,
  readMessages,
  readReportedLifts,
  type DecideAnswer,
  type ReportedLift,
  type SinkPage,
} from './answers-read.js';

/** How to reach a platform. */
export interface PlatformAddress {
  /** For example http://127.0.0.1:8080. */
  readonly httpUrl: string;
  readonly writeKey: string;
  readonly apiToken: string;
}

/** What became of a batch. */
export interface BatchVerdict {
  readonly accepted: number;
  readonly rejected: readonly {
    readonly messageId: string;
    readonly code: string;
    readonly detail: string;
  }[];
}

interface BatchAnswer {
  readonly results?: readonly {
    readonly messageId?: string;
    readonly accepted: boolean;
    readonly code?: string;
    readonly detail?: string;
  }[];
}

/** Every event of one call; ingestion takes 2,500 and 500 KB, and 500 of ours stay below both. */
export const batchLimit = 500;
const requestTimeoutMs = 120_000;

/** The platform's public HTTP doors, as a shop uses them. */
export class PlatformDoor {
  readonly #address: PlatformAddress;
  readonly #basic: string;
  readonly #agent = new Agent({ connections: 16, pipelining: 1, keepAliveTimeout: 30_000 });

  constructor(address: PlatformAddress) {
    this.#address = { ...address, httpUrl: address.httpUrl.replace(/\/$/, '') };
    this.#basic = `Basic ${Buffer.from(`${address.writeKey}:`).toString('base64')}`;
  }

  /** Sends at most 500 events; an overloaded platform is given the time it asks for and then asked again. */
  async send(events: readonly ShopEvent[], sentAtMs: number, signal?: AbortSignal): Promise<BatchVerdict> {
    const body = JSON.stringify({ batch: events, sentAt: new Date(sentAtMs).toISOString() });
    for (;;) {
      const { status, json, retryAfterMs } = await this.#call('POST', '/v1/batch', this.#basic, body, signal);
      if (status === 429 || status === 503) {
        await pause(retryAfterMs, signal);
        continue;
      }
      const results = (json as BatchAnswer).results;
      if (results === undefined)
        throw new Error(
          `POST /v1/batch: expected 200 with results; got ${status} ${JSON.stringify(json).slice(0, 300)}`,
        );
      const rejected = results
        .filter((result) => !result.accepted)
        .map(({ messageId, code, detail }) => ({
          messageId: messageId ?? '',
          code: code ?? '',
          detail: detail ?? '',
        }));
      return { accepted: results.length - rejected.length, rejected };
    }
  }

  /** Asks what to show a person (`type:value`) at a placement. */
  async decide(
    person: string,
    placement: string,
    context: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<DecideAnswer> {
    return readAnswer(
      await this.#asked('POST', '/v1/decide', JSON.stringify({ person, placement, context }), signal),
    );
  }

  /** Messages from a cursor on, in the order in which they were recorded. */
  async messages(after: string | undefined, signal?: AbortSignal): Promise<SinkPage> {
    const query = after === undefined ? '' : `&after=${encodeURIComponent(after)}`;
    return readMessages(await this.#asked('GET', `/v1/mail?limit=1000${query}`, undefined, signal));
  }

  /** The lifts that the platform reports. */
  async lifts(signal?: AbortSignal): Promise<readonly ReportedLift[]> {
    return readReportedLifts(await this.#asked('GET', '/v1/tactics', undefined, signal));
  }

  /** Moves the virtual clock and waits until everything has settled. */
  async advanceTo(atMs: number, signal?: AbortSignal): Promise<void> {
    await this.#asked(
      'POST',
      '/v1/clock',
      JSON.stringify({ advanceTo: new Date(atMs).toISOString() }),
      signal,
    );
  }

  /** Any other answer that needs the token; undefined for 404. */
  async read(path: string, signal?: AbortSignal): Promise<unknown> {
    const { status, json } = await this.#call(
      'GET',
      path,
      `Bearer ${this.#address.apiToken}`,
      undefined,
      signal,
    );
    if (status === 404) return undefined;
    if (status !== 200)
      throw new Error(`GET ${path}: expected 200; got ${status} ${JSON.stringify(json).slice(0, 300)}`);
    return json;
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }

  async #asked(
    method: 'GET' | 'POST',
    path: string,
    body: string | undefined,
    signal?: AbortSignal,
  ): Promise<unknown> {
    for (;;) {
      const { status, json, retryAfterMs } = await this.#call(
        method,
        path,
        `Bearer ${this.#address.apiToken}`,
        body,
        signal,
      );
      if (status === 429 || status === 503) {
        await pause(retryAfterMs, signal);
        continue;
      }
      if (status !== 200)
        throw new Error(
          `${method} ${path}: expected 200; got ${status} ${JSON.stringify(json).slice(0, 300)}`,
        );
      return json;
    }
  }

  async #call(
    method: 'GET' | 'POST',
    path: string,
    authorization: string,
    body: string | undefined,
    signal?: AbortSignal,
  ): Promise<{ status: number; json: unknown; retryAfterMs: number }> {
    try {
      const answer = await request(this.#address.httpUrl + path, {
        method,
        dispatcher: this.#agent,
        headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body }),
        headersTimeout: requestTimeoutMs,
        bodyTimeout: requestTimeoutMs,
        ...(signal === undefined ? {} : { signal }),
      });
      const text = await answer.body.text();
      return {
        status: answer.statusCode,
        json: text === '' ? {} : JSON.parse(text),
        retryAfterMs: retryAfter(answer.headers['retry-after']),
      };
    } catch (thrown) {
      throw new Error(`${method} ${this.#address.httpUrl}${path}: ${messageOf(thrown)}`, { cause: thrown });
    }
  }
}

const retryAfter = (header: string | string[] | undefined): number =>
  Math.min(30, Math.max(0.2, Number(header ?? 1) || 1)) * 1_000;

/** Waits; ends at once, without an error, when the signal says so. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
