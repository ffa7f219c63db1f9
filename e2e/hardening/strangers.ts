import { connect, type Socket } from 'node:net';

export const basicOf = (key: string): string => `Basic ${Buffer.from(`${key}:`).toString('base64')}`;

/** The head of a POST request. */
export const headOf = (path: string, ...lines: readonly string[]): string =>
  [`POST ${path} HTTP/1.1`, 'host: x', ...lines, '', ''].join('\r\n');

/** What strangers may hold open at the front door, by name: what each sends before it falls silent. */
export function waysToHold(publicKey: string): Readonly<Record<string, string>> {
  const event = JSON.stringify({ writeKey: publicKey, userId: 'someone', event: 'Opened' });
  const chunked = 'transfer-encoding: chunked';
  return {
    'chunked, no body': headOf('/v1/batch', chunked),
    'chunked, a part of the body': `${headOf('/v1/batch', chunked)}5\r\n{"bat\r\n`,
    'with a length, no body': headOf('/v1/batch', 'content-length: 400000'),
    'with a smaller length, no body': headOf('/v1/batch', 'content-length: 40000'),
    'with a small length, no body': headOf('/v1/batch', 'content-length: 4000'),
    'with hardly a length, no body': headOf('/v1/batch', 'content-length: 10'),
    'with a length, a part of the body': `${headOf('/v1/batch', 'content-length: 400000')}${' '.repeat(8_000)}`,
    'gzip, no body': headOf('/v1/batch', 'content-encoding: gzip', 'content-length: 300000'),
    'with the public key, no body': headOf('/v1/batch', `authorization: ${basicOf(publicKey)}`, chunked),
    'with a wrong key, no body': headOf(
      '/v1/batch',
      `authorization: ${basicOf('x')}`,
      'content-length: 400000',
    ),
    'with a wrong token, no body': headOf(
      '/v1/import?source=x',
      'authorization: Bearer x',
      'content-length: 400000',
    ),
    'a part of the head': 'POST /v1/batch HTTP/1.1\r\nhost: x\r\n',
    nothing: '',
    'idle after an answer': headOf('/v1/m', 'content-length: 0'),
    'a pixel': `GET /v1/pixel/track?data=${encodeURIComponent(event)} HTTP/1.1\r\nhost: x\r\n\r\n`,
  };
}

/** Connects, sends it, and holds the connection. */
export async function hold(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
    .on('error', () => undefined)
    .resume();
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(text);
  return socket;
}
