import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { anyText } from '../inputs/texts.js';
import type { Door } from './door.js';

/** Bytes on a connection, and how they are sent. */
interface Bytes {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body:
    'json' | 'cut json' | 'cut gzip' | 'bomb' | 'noise' | 'nothing' | 'chunks' | 'bad chunks' | 'deep';
  /** What the length says beside the truth. */
  readonly length: 'right' | 'short' | 'long' | 'none' | 'twice' | 'text';
  readonly then: 'wait' | 'reset' | 'half close' | 'trickle';
}

const latin = anyText.map((text) =>
  Buffer.from(text, 'utf8')
    .toString('latin1')
    .replace(/[\r\n]/g, ' '),
);

const bytes: fc.Arbitrary<Bytes> = fc.record({
  method: fc.constantFrom(
    'POST',
    'POST',
    'POST',
    'GET',
    'PUT',
    'DELETE',
    'OPTIONS',
    'HEAD',
    'TRACE',
    'PATCH',
    'BREW',
    'get',
    '',
  ),
  path: fc.oneof(
    fc.constantFrom(
      ...[
        '/v1/batch',
        '/v1/track',
        '/v1/import?source=x',
        '/v1/m',
        '/v1/decide',
        '/v2/models/propensity/infer',
        '/',
      ],
      ...[
        '/v1/people/%',
        '/v1/people/%00',
        '/v1/people/%E0%A4%A',
        '//v1/batch',
        '/v1/batch/',
        '/../../etc/passwd',
        '*',
      ],
      ...[
        '/v1/pixel/track?data=%7B',
        '/v1/pixel/track?data=x&data=y',
        '/v1/projects/%2e%2e/settings',
        '/nowhere',
      ],
      ...[
        '/v1/unsubscribe/x.y',
        '/mail',
        '/openapi.json',
        'http://elsewhere/v1/batch',
        `/v1/people/${'a'.repeat(9_000)}`,
      ],
    ),
    latin.map((text) => `/v1/${text}`),
  ),
  headers: fc.array(
    fc.oneof(
      fc.constantFrom<readonly [string, string]>(
        ['content-type', 'application/json'],
        ['content-type', 'text/plain; charset=utf-16'],
        ['content-type', ''],
        ['content-encoding', 'br'],
        ['content-encoding', 'gzip'],
        ['authorization', 'Basic '],
        ['authorization', 'Basic ////'],
        ['authorization', 'Bearer'],
        ['origin', 'null'],
        ['expect', '100-continue'],
        ['upgrade', 'websocket'],
        ['connection', 'upgrade'],
        ['transfer-encoding', 'gzip, chunked'],
        ['host', ''],
        ['x-forwarded-for', '1.2.3.4, 5.6.7.8'],
        ['inference-header-content-length', '-1'],
        ['x-long', 'x'.repeat(20_000)],
      ),
      fc.tuple(fc.constantFrom('x-a', 'cookie', 'content-type', 'authorization'), latin),
    ),
    { maxLength: 4 },
  ),
  body: fc.constantFrom(
    'json',
    'cut json',
    'cut gzip',
    'bomb',
    'noise',
    'nothing',
    'chunks',
    'bad chunks',
    'deep',
  ),
  length: fc.constantFrom('right', 'right', 'short', 'long', 'none', 'twice', 'text'),
  then: fc.constantFrom('wait', 'wait', 'reset', 'half close', 'trickle'),
});

const json = Buffer.from('{"batch":[{"type":"track","event":"x","userId":"bad-http"}]}');
const bodies: Readonly<Record<Bytes['body'], Buffer>> = {
  json,
  'cut json': json.subarray(0, 30),
  'cut gzip': gzipSync(json).subarray(0, 40),
  // Ten megabytes of one character: far more than a body may become.
  bomb: gzipSync(Buffer.alloc(10 << 20, 0x20)),
  noise: Buffer.from(Array.from({ length: 300 }, (_, at) => (at * 151) % 256)),
  nothing: Buffer.alloc(0),
  chunks: Buffer.from(`${json.length.toString(16)}\r\n${json.toString()}\r\n0\r\n\r\n`),
  'bad chunks': Buffer.from('zz\r\n{}\r\n0\r\n\r\n'),
  deep: Buffer.from(`${'['.repeat(100_000)}`),
};

function headOf(input: Bytes, apiToken: string, writeKey: string): string {
  const size = bodies[input.body].length;
  const lines = [`${input.method} ${input.path} HTTP/1.1`, 'host: 127.0.0.1'];
  const isChunked = input.body === 'chunks' || input.body === 'bad chunks';
  if (isChunked) lines.push('transfer-encoding: chunked');
  if (!isChunked || input.length === 'twice') {
    if (input.length === 'right' || input.length === 'twice') lines.push(`content-length: ${size}`);
    if (input.length === 'twice') lines.push(`content-length: ${size + 1}`);
    if (input.length === 'short') lines.push(`content-length: ${Math.max(0, size - 5)}`);
    if (input.length === 'long') lines.push(`content-length: ${size + 50}`);
    if (input.length === 'text') lines.push('content-length: many');
  }
  if (input.body === 'bomb' || input.body === 'cut gzip') lines.push('content-encoding: gzip');
  const isEvents = /^\/v1\/(batch|track)/.test(input.path);
  lines.push(
    isEvents
      ? `authorization: Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`
      : `authorization: Bearer ${apiToken}`,
  );
  for (const [name, value] of input.headers) lines.push(`${name}: ${value}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** How long a connection is kept that gets no answer; the door's own limit for slow bodies is longer. */
const patienceMs = 700;

/** Bytes that are hardly HTTP: the connection may be closed or refused, and nothing else may happen. */
export const badHttpDoor: Door<Bytes> = {
  name: 'bad-http',
  lanes: 3,
  feedsTheLog: false,
  inputs: bytes,
  show: (input) =>
    `${JSON.stringify(headOf(input, 'TOKEN', 'KEY').slice(0, 800))} body: ${input.body}, then: ${input.then}`,
  async send(input, target) {
    const head = headOf(input, target.apiToken, target.writeKey);
    const heard = await exchange(target.httpUrl, Buffer.from(head, 'latin1'), bodies[input.body], input.then);
    const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(heard)?.[1] ?? 0);
    target.count(`bad-http ${status === 0 ? 'closed' : status}`);
    if (status < 500) return undefined;
    const place = `${input.method} ${input.path.split('?')[0]?.slice(0, 60) ?? ''} ${status}`;
    return { kind: 'server fault', place, text: heard.slice(0, 800) };
  },
};

/** What came back until the other side closed or patience ended. */
async function exchange(url: string, head: Buffer, body: Buffer, then: Bytes['then']): Promise<string> {
  return await new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    let heard = '';
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(heard);
    };
    const timer = setTimeout(done, patienceMs);
    socket.on('error', done).on('close', done);
    socket.on('data', (chunk: Buffer) => {
      heard = (heard + chunk.toString('latin1')).slice(0, 4_000);
      if (heard.includes('\r\n\r\n')) setTimeout(done, 20);
    });
    socket.once('connect', () => {
      if (then === 'trickle') {
        socket.write(head);
        socket.write(body.subarray(0, body.length / 2));
        setTimeout(() => socket.destroyed || socket.write(body.subarray(body.length / 2)), 100);
        return;
      }
      socket.write(head);
      socket.write(body, () => {
        if (then === 'reset') socket.resetAndDestroy();
        if (then === 'half close') socket.end();
      });
    });
  });
}
