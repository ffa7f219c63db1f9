import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';

const json = 'application/json; charset=utf-8';

/** The one form of errors. */
export const errorBody = (code: string, message: string): string =>
  JSON.stringify({ error: { code, message } });

/** What Node's parser refuses, by its code; everything else is not HTTP. */
const parserErrors: Readonly<Record<string, readonly [status: number, code: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [
    431,
    'HTTP_HEADERS_TOO_LARGE',
    'expected URL and headers of at most 16 KiB together; send less',
  ],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'HTTP_BODY_TOO_LARGE', 'expected chunks with shorter extensions'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'HTTP_REQUEST_TIMEOUT', 'the request did not come within the time allowed'],
};

/** Answers what is no HTTP request, on the bare socket: there is no response object for it. */
export function tellParserError(thrown: Error & { code?: string }, socket: Socket): void {
  if (thrown.code === 'ECONNRESET' || socket.destroyed) return;
  const [status, code, message] = parserErrors[thrown.code ?? ''] ?? [
    400,
    'HTTP_REQUEST_MALFORMED',
    'expected an HTTP/1.1 request; what came cannot be read as one',
  ];
  const body = errorBody(code, message);
  // An answer may be on its way already: then a second one would be taken for a part of it.
  const answering =
    (socket as { _httpMessage?: { headersSent?: boolean } })._httpMessage?.headersSent === true;
  if (socket.writable && !answering) {
    socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\ncontent-type: ${json}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}

/** What Node answers by itself, before any route is asked, in the one form too. */
export function answerRawErrors(server: Server): void {
  server.on('checkExpectation', (_request, response) => {
    const body = errorBody('HTTP_EXPECTATION_FAILED', 'expected no Expect header, or Expect: 100-continue');
    const headers = { 'content-type': json, 'content-length': Buffer.byteLength(body), connection: 'close' };
    response.writeHead(417, headers).end(body);
  });
}
