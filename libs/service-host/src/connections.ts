import type { Server } from 'node:http';
import type { Socket } from 'node:net';

const boundOf = new WeakMap<Socket, Connections>();

/** The connections of a server; while there are too many, those of strangers end first, the oldest of them. */
class Connections {
  /** In the order in which they came. */
  readonly #strangers = new Set<Socket>();
  readonly #known = new Set<Socket>();

  constructor(private readonly max: number) {}

  add(socket: Socket): void {
    boundOf.set(socket, this);
    this.#strangers.add(socket);
    socket.once('close', () => {
      this.#strangers.delete(socket);
      this.#known.delete(socket);
    });
    if (this.#strangers.size + this.#known.size <= this.max) return;
    // The new one itself where all others are known.
    const [oldest] = this.#strangers;
    if (oldest === undefined) return;
    this.#strangers.delete(oldest);
    oldest.destroy();
  }

  vouch(socket: Socket): void {
    if (this.#strangers.delete(socket)) this.#known.add(socket);
  }
}

/** Holds a server to so many connections: a stranger cannot use up what the system lets a process open. */
export function boundConnections(server: Server, max: number): void {
  const connections = new Connections(max);
  server.on('connection', (socket: Socket) => connections.add(socket));
}

/** Tells that a secret which was found good came over a connection: it is no stranger's any more. */
export function vouchFor(socket: Socket): void {
  boundOf.get(socket)?.vouch(socket);
}
