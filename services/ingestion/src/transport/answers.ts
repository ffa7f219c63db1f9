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

/** Why a request has to come again later. */
export interface Later {
  readonly code: IngestionErrorCode;
  readonly message: string;
  readonly seconds: number;
}

/** 429: try again in so many seconds; node's library reads the first header, older ones the second (Unix seconds). */
export function answerLater(
  response: ServerResponse,
  { code, message, seconds }: Later,
  nowMs: number,
  fromBrowser: boolean,
  close = false,
): void {
  if (response.headersSent || response.destroyed) return;
  response.setHeader('retry-after', String(seconds));
  response.setHeader('x-ratelimit-reset', String(Math.ceil(nowMs / 1000) + seconds));
  const whole = `${message}; nothing of this request was accepted, send it again in ${seconds} s`;
  answerJson(response, 429, errorJson(code, whole), fromBrowser, close);
}
