import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/**
 * Below the ports that systems give to outgoing connections (from 32768 or 49152 on): one of those may be taken by a
 * connection at any moment. A client that calls a replica which is not there yet could even be given the very port it
 * calls, be connected to itself, and hold the port for good.
 */
const from = 20_000;
const to = 32_000;
const attempts = 50;

/** Ports in a row that nobody listens on now, for processes that may start much later. */
export async function freePorts(count: number): Promise<readonly number[]> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const first = randomInt(from, to - count);
    const ports = Array.from({ length: count }, (_, at) => first + at);
    const servers = await Promise.all(ports.map(listenOn));
    await Promise.all(
      servers.map(
        (server) => new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve())),
      ),
    );
    if (servers.every((server) => server !== undefined)) return ports;
  }
  throw new Error(`expected ${count} free ports in a row between ${from} and ${to}; found none`);
}

function listenOn(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
