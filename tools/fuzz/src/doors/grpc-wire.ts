import { connect, type ClientHttp2Session } from 'node:http2';
import { answerWithinMs, ConnectionBroke } from './door.js';

/** What came back from a call. */
export interface CallEnd {
  /** `grpc-status`; undefined when the stream was closed without one. */
  readonly status: number | undefined;
  readonly message: string;
  /** Payloads of the frames that came. */
  readonly frames: readonly Buffer[];
  readonly timedOut: boolean;
}

export interface WireCall {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Written one after the other, frames or not. */
  readonly chunks: readonly Buffer[];
  /** `end`: half-closed after the last; `cancel`: reset soon after; `leave`: neither, reset after a while. */
  readonly ending: 'end' | 'cancel' | 'leave';
}

/** A frame of gRPC: flag, length, payload. */
export function frameOf(payload: Uint8Array, flag = 0, length = payload.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(length >>> 0, 1);
  return Buffer.concat([head, payload]);
}

const leaveAfterMs = 200;
/** A stream of the server that goes on for ever is left after so many frames. */
const enoughFrames = 50;

/** Calls at the level of HTTP/2, where nothing is too odd to be sent. */
export class GrpcWire {
  #session: ClientHttp2Session | undefined;
  #of = '';

  /** Throws ConnectionBroke. */
  async call(address: string, it: WireCall): Promise<CallEnd> {
    const session = this.#connected(address);
    return await new Promise((resolve, reject) => {
      const timers: NodeJS.Timeout[] = [];
      let heard = Buffer.alloc(0);
      let status: number | undefined;
      let message = '';
      let timedOut = false;
      const note = (headers: Readonly<Record<string, unknown>>): void => {
        if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status']);
        if (typeof headers['grpc-message'] === 'string') message = headers['grpc-message'];
      };
      let stream;
      try {
        stream = session.request({
          ':method': 'POST',
          ':path': it.path,
          'content-type': 'application/grpc',
          te: 'trailers',
          ...it.headers,
        });
      } catch {
        reject(new ConnectionBroke('no session'));
        return;
      }
      const opened = stream;
      // A close would wait until everything is written, which a server that has refused does not let happen.
      const reset = (): void => {
        opened.destroy();
      };
      opened.on('response', note).on('trailers', note);
      opened.on('data', (chunk: Buffer) => {
        if (heard.length < 1 << 22) heard = Buffer.concat([heard, chunk]);
        if (framesIn(heard).length >= enoughFrames) reset();
      });
      opened.on('error', () => undefined);
      // The server has said all it has to say; what is left of the request it does not want.
      opened.once('end', () => setImmediate(reset));
      opened.once('close', () => {
        for (const timer of timers) clearTimeout(timer);
        if (session.destroyed && status === undefined) reject(new ConnectionBroke('the session ended'));
        else resolve({ status, message: decoded(message), frames: framesIn(heard), timedOut });
      });
      for (const chunk of it.chunks) opened.write(chunk);
      if (it.ending === 'end') opened.end();
      else timers.push(setTimeout(reset, it.ending === 'cancel' ? 3 : leaveAfterMs));
      timers.push(
        setTimeout(() => {
          timedOut = true;
          reset();
        }, answerWithinMs),
      );
    });
  }

  /** Subscribes and never reads. */
  subscribe(address: string, path: string, apiToken: string): void {
    const stream = this.#connected(address).request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Bearer ${apiToken}`,
    });
    stream.on('error', () => undefined);
    stream.end(frameOf(Buffer.alloc(0)));
  }

  close(): void {
    this.#session?.destroy();
    this.#session = undefined;
  }

  #connected(address: string): ClientHttp2Session {
    if (
      this.#session !== undefined &&
      !this.#session.destroyed &&
      !this.#session.closed &&
      this.#of === address
    )
      return this.#session;
    this.#session?.destroy();
    this.#of = address;
    this.#session = connect(`http://${address}`);
    this.#session.on('error', () => undefined);
    this.#session.unref();
    return this.#session;
  }
}

function framesIn(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    frames.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return frames;
}

/** `grpc-message` is percent-encoded. */
function decoded(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}
