import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

/** Of the length before each response, an int32. Source: Kafka's protocol guide, "Protocol Primitives". */
const lengthBytes = 4;
const keepAliveMs = 60_000;

/** Cuts what a broker sends where responses end. */
export class WholeResponses {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #needed = lengthBytes;

  /** The responses that are whole with this piece, as they came, one after the other; undefined: none yet. Throws where a length is negative. */
  add(piece: Buffer): Buffer | undefined {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes < this.#needed) return undefined;
    const all = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#bytes);
    let end = 0;
    for (;;) {
      this.#needed = lengthBytes;
      if (all.length - end < lengthBytes) break;
      const length = all.readInt32BE(end);
      if (length < 0) throw new Error(`expected the length of a response, got ${length}`);
      this.#needed += length;
      if (all.length - end < this.#needed) break;
      end += this.#needed;
    }
    this.#pieces = end === all.length ? [] : [all.subarray(end)];
    this.#bytes = all.length - end;
    return end === 0 ? undefined : all.subarray(0, end);
  }
}

/**
 * Sockets that hand kafkajs whole responses only. It uses a connection's memory of half a response for the next socket
 * too: after a reset in the middle of one, it would take the next bytes for the rest, and no request on that connection
 * would be answered any more.
 */
export const wholeResponseSockets: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const socket: Socket = ssl
    ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : connect({ host, port }, onConnect);
  socket.setKeepAlive(true, keepAliveMs);
  const responses = new WholeResponses();
  const emit = socket.emit.bind(socket) as (event: string | symbol, ...given: unknown[]) => boolean;
  socket.emit = (event: string | symbol, ...given: unknown[]): boolean => {
    if (event !== 'data') return emit(event, ...given);
    try {
      const whole = responses.add(given[0] as Buffer);
      return whole !== undefined && emit('data', whole);
    } catch (thrown) {
      socket.destroy(thrown as Error);
      return false;
    }
  };
  return socket;
};
