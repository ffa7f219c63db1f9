import type { ServerResponse } from 'node:http';
import type { IngestionErrorCode } from '../ingestion.errors.js';

const json = 'application/json; charset=utf-8';

/** What browsers of other origins may do: everything here, with the write key in the header or the body. */
export const corsHeaders: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, OPTIONS',
  'access-control-allow-headers': 'Authorization, Content-Type, Content-Encoding, X-Retry-Count',
  'access-control-max-age': '86400',
};

/** Writes a JSON answer; by hand on the raw response, because it is written for every event. */
export function answerJson(
  response: ServerResponse,
  status: number,
  body: string,
  fromBrowser: boolean,
  close = false,
): void {
  if (response.headersSent || response.destroyed) return;
  const headers: string[] = ['content-type', json, 'content-length', String(Buffer.byteLength(body, 'utf8'))];
  if (fromBrowser)
    headers.push(
      'access-control-allow-origin',
      '*',
      'access-control-expose-headers',
      'Retry-After, X-RateLimit-Reset',
    );
  if (close) headers.push('connection', 'close');
  response.writeHead(status, headers);
  response.end(body, 'utf8');
}

/** The error form that every route of the platform has. */
export function errorJson(code: IngestionErrorCode, message: string): string {
  return JSON.stringify({ success: false, error: { code, message } });
}

/** 429: try again in so many seconds; node's library reads the first header, older ones the second (Unix seconds). */
export function answerOverCapacity(
  response: ServerResponse,
  retryAfterSeconds: number,
  nowMs: number,
  fromBrowser: boolean,
): void {
  if (response.headersSent || response.destroyed) return;
  response.setHeader('retry-after', String(retryAfterSeconds));
  response.setHeader('x-ratelimit-reset', String(Math.ceil(nowMs / 1000) + retryAfterSeconds));
  const message = `the platform takes no more at the moment; nothing of this request was accepted, send it again in ${retryAfterSeconds} s`;
  answerJson(response, 429, errorJson('INGESTION_OVER_CAPACITY', message), fromBrowser);
}
