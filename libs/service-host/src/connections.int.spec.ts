import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import { vouchFor } from './connections.js';
import { createHttpServer } from './http-server.js';

let http: FastifyInstance;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await http.close();
});

const max = 40;

async function serve(): Promise<number> {
  http = createHttpServer(() => undefined, { maxConnections: max });
  http.get('/known', (request) => {
    vouchFor(request.socket);
    return 'yes';
  });
  http.get('/', () => 'yes');
  return Number(new URL(await http.listen({ host: '127.0.0.1', port: 0 })).port);
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** Whether a request over a connection is answered; false where it was ended. */
async function asks(socket: Socket, path: string): Promise<boolean> {
  if (!socket.writable) return false;
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
  return await new Promise((resolve) => {
    socket.once('data', () => resolve(true)).once('close', () => resolve(false));
  });
}

const openOf = async (): Promise<number> =>
  await new Promise((resolve) => http.server.getConnections((_, count) => resolve(count)));

describe('connections', () => {
  it('of strangers end, the oldest first, while there are too many; of others they go on', async () => {
    const port = await serve();
    const friend = await dial(port);
    expect(await asks(friend, '/known')).toBe(true);
    for (let stranger = 0; stranger < 3 * max; stranger++) await dial(port);
    const newcomer = await dial(port);
    expect(await asks(newcomer, '/')).toBe(true);
    expect(await openOf()).toBeLessThanOrEqual(max);
    expect(await asks(friend, '/')).toBe(true);
    expect(await asks(sockets[1] as Socket, '/')).toBe(false);
  });

  it('are not more than allowed where nobody is a stranger either', async () => {
    const port = await serve();
    for (let friend = 0; friend < max; friend++) expect(await asks(await dial(port), '/known')).toBe(true);
    expect(await asks(await dial(port), '/known')).toBe(false);
    expect(await asks(sockets[0] as Socket, '/')).toBe(true);
  });
});
