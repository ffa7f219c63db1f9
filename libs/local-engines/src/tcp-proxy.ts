import { connect, createServer, type Server, type Socket } from 'node:net';

/** A door in front of an engine that can be slammed, blocked and slowed. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that were made so far. */
  readonly connections: number;
  /** Connections that `cutAfter` broke so far. */
  readonly cuts: number;
  /** Breaks what is open now; new connections are let through. */
  cut(): void;
  /**
   * Breaks the connection on which so many bytes more have gone to the engine (or come from it), in the middle: it ends,
   * or it is reset after what was let through has arrived.
   */
  cutAfter(bytes: number, direction: 'sent' | 'received', how?: 'ended' | 'reset'): void;
  /** Lets nothing through, in neither direction, without breaking anything. */
  freeze(): void;
  thaw(): void;
  /** Breaks everything and turns new connections away until `accept`. */
  refuse(): void;
  accept(): void;
  /** Milliseconds that each piece takes longer, each way. */
  slow(ms: number): void;
  close(): Promise<void>;
}

/** A reset throws away what was not read yet: so long is given to it. */
const arrivalMs = 20;

/** Passes bytes on between a free port of this machine and an engine's port. */
export async function startTcpProxy(target: () => number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let connections = 0;
  let cuts = 0;
  let refusing = false;
  let frozen = false;
  let delayMs = 0;
  let fuse: { left: number; direction: 'sent' | 'received'; how: 'ended' | 'reset' } | undefined;

  const destroy = (pair: readonly [Socket, Socket]): void => {
    pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  };
  const reset = (pair: readonly [Socket, Socket]): void => {
    pairs.delete(pair);
    for (const socket of pair) socket.resetAndDestroy();
  };
  const pass = (
    pair: readonly [Socket, Socket],
    from: Socket,
    to: Socket,
    direction: 'sent' | 'received',
  ): void => {
    from.on('data', (piece: Buffer) => {
      let allowed = piece;
      if (fuse?.direction === direction) {
        fuse.left -= piece.length;
        if (fuse.left <= 0) {
          allowed = piece.subarray(0, Math.max(0, piece.length + fuse.left));
          const { how } = fuse;
          fuse = undefined;
          cuts++;
          from.pause();
          to.write(allowed, () => {
            if (how === 'ended') destroy(pair);
            else setTimeout(() => reset(pair), arrivalMs);
          });
          return;
        }
      }
      if (delayMs === 0) to.write(allowed);
      else setTimeout(() => void (to.destroyed || to.write(allowed)), delayMs);
    });
    from.on('error', () => destroy(pair)).on('close', () => destroy(pair));
  };
  const server: Server = createServer((client) => {
    connections++;
    if (refusing) return void client.destroy();
    const engine = connect({ port: target(), host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    const pair = [client, engine] as const;
    pairs.add(pair);
    pass(pair, client, engine, 'sent');
    pass(pair, engine, client, 'received');
    if (frozen) for (const socket of pair) socket.pause();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const cut = (): void => [...pairs].forEach(destroy);
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get connections() {
      return connections;
    },
    get cuts() {
      return cuts;
    },
    cut,
    cutAfter: (bytes, direction, how = 'ended') => void (fuse = { left: bytes, direction, how }),
    freeze: () => {
      frozen = true;
      for (const socket of [...pairs].flat()) socket.pause();
    },
    thaw: () => {
      frozen = false;
      for (const socket of [...pairs].flat()) socket.resume();
    },
    refuse: () => {
      refusing = true;
      cut();
    },
    accept: () => void (refusing = false),
    slow: (ms) => void (delayMs = ms),
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
