// The load generator, in a process of its own: `connections` sockets, one request at a time on each, bodies prepared
// beforehand. It speaks HTTP/1.1 by hand over node:net, so that it costs the machine as little as it can: on two cores
// a generator that parses like a client library takes from the server what it wants to measure.
import { connect, type Socket } from 'node:net';
import { serialDigits, serialMark } from '../payloads.js';

export interface HttpLoad {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent one after the other, over and over; each mark in them becomes digits that never come again. */
  readonly bodies: readonly string[];
  readonly connections: number;
  readonly seconds: number;
  /** Not counted, before the measurement. */
  readonly warmUpSeconds: number;
  /**
   * Requests per second over all connections; absent: as fast as the answers come. At a pace, the time that a request
   * waits for a free connection counts as its latency.
   */
  readonly requestsPerSecond?: number;
}

export interface HttpLoadResult {
  readonly requests: number;
  readonly failed: number;
  /** First status line that was not 200. */
  readonly failure?: string;
  readonly seconds: number;
  /** Milliseconds from writing a request to its whole answer, every request. */
  readonly latenciesMs: readonly number[];
}

interface Ready {
  readonly bytes: Buffer;
  /** When it was due; the moment of sending where there is no pace. */
  readonly dueAt: number;
}

class Connection {
  readonly #socket: Socket;
  #dueAt = 0;
  #pending: Buffer = Buffer.alloc(0);

  constructor(
    port: number,
    private readonly answered: (
      connection: Connection,
      latencyMs: number,
      failure: string | undefined,
    ) => void,
  ) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#socket.on('error', (error) => this.answered(this, NaN, error.message));
  }

  send({ bytes, dueAt }: Ready): void {
    this.#dueAt = dueAt;
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const headEnd = bytes.indexOf('\r\n\r\n');
    const length =
      headEnd === -1 ? null : /content-length: (\d+)/i.exec(bytes.toString('latin1', 0, headEnd));
    if (length === null || bytes.length < headEnd + 4 + Number(length[1])) {
      this.#pending = bytes;
      return;
    }
    this.#pending = Buffer.alloc(0);
    // "HTTP/1.1 200"
    const ok = bytes[9] === 50 && bytes[10] === 48 && bytes[11] === 48;
    this.answered(this, performance.now() - this.#dueAt, ok ? undefined : bytes.toString('latin1', 0, 400));
  }
}

/** A request as bytes, and where the digits of its marks stand. */
interface Template {
  readonly bytes: Buffer;
  readonly marks: readonly number[];
}

function prepare(load: HttpLoad): Template[] {
  const headers = Object.entries(load.headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  return load.bodies.map((body) => {
    const head = `POST ${load.path} HTTP/1.1\r\nhost: 127.0.0.1:${load.port}\r\ncontent-type: application/json\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n`;
    const bytes = Buffer.from(head + body);
    const marks: number[] = [];
    for (let at = bytes.indexOf(serialMark); at !== -1; at = bytes.indexOf(serialMark, at + serialDigits))
      marks.push(at);
    return { bytes, marks };
  });
}

class Run {
  readonly #templates: readonly Template[];
  readonly #idle: Connection[] = [];
  /** Requests that were due and found no free connection. */
  readonly #due: number[] = [];
  readonly latenciesMs: number[] = [];
  failed = 0;
  failure: string | undefined;
  #turn = 0;
  #serial = (Date.now() % 1e9) * 1000;
  #counting = false;
  #stopped = false;

  constructor(private readonly load: HttpLoad) {
    this.#templates = prepare(load);
  }

  async measure(): Promise<HttpLoadResult> {
    const { load } = this;
    const connections = Array.from(
      { length: load.connections },
      () => new Connection(load.port, this.#answered),
    );
    this.#idle.push(...connections);
    const pacing = load.requestsPerSecond === undefined ? undefined : this.#pace(load.requestsPerSecond);
    if (pacing === undefined)
      for (const connection of this.#idle.splice(0)) connection.send(this.#next(performance.now()));
    await sleep(load.warmUpSeconds);
    this.#counting = true;
    const started = performance.now();
    await sleep(load.seconds);
    this.#counting = false;
    const seconds = (performance.now() - started) / 1000;
    this.#stopped = true;
    clearInterval(pacing);
    // What is on its way must not find its socket gone: the server would count it as a client that left.
    await sleep(0.3);
    for (const connection of connections) connection.close();
    const { latenciesMs, failed, failure } = this;
    return {
      requests: latenciesMs.length,
      failed,
      ...(failure === undefined ? {} : { failure }),
      seconds,
      latenciesMs,
    };
  }

  #pace(requestsPerSecond: number): NodeJS.Timeout {
    const started = performance.now();
    let released = 0;
    return setInterval(() => {
      const now = performance.now();
      for (const until = ((now - started) * requestsPerSecond) / 1000; released < until; released++) {
        const connection = this.#idle.shift();
        if (connection === undefined) this.#due.push(now);
        else connection.send(this.#next(now));
      }
    }, 1);
  }

  readonly #answered = (connection: Connection, latencyMs: number, failure: string | undefined): void => {
    if (this.#counting) {
      if (failure === undefined) this.latenciesMs.push(latencyMs);
      else this.failed++;
    }
    this.failure ??= failure;
    if (this.#stopped || Number.isNaN(latencyMs)) return;
    if (this.load.requestsPerSecond === undefined) connection.send(this.#next(performance.now()));
    else {
      const dueAt = this.#due.shift();
      if (dueAt === undefined) this.#idle.push(connection);
      else connection.send(this.#next(dueAt));
    }
  };

  #next(dueAt: number): Ready {
    const { bytes, marks } = this.#templates[this.#turn++ % this.#templates.length] as Template;
    // A copy: the socket may still hold the bytes when the template comes round again.
    const copy = Buffer.from(bytes);
    for (const at of marks) copy.write(String(this.#serial++).padStart(serialDigits, '0'), at, 'latin1');
    return { bytes: copy, dueAt };
  }
}

const sleep = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000));

process.on('message', (load: HttpLoad) => {
  void new Run(load).measure().then((result) => process.send?.(result));
});
process.once('disconnect', () => process.exit(0));
process.send?.('ready');
