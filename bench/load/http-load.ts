// The load generator, in a process of its own: `connections` sockets, one request at a time on each, bodies prepared
// beforehand. It speaks HTTP/1.1 by hand over node:net, so that it costs the machine as little as it can: on two cores
// a generator that parses like a client library takes from the server what it wants to measure.
import { connect, type Socket } from 'node:net';
import { bodies, serialDigits, serialMark } from '../payloads.js';

export interface HttpLoad {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly eventsPerRequest: number;
  readonly seconds: number;
  /** Not counted, before the measurement. */
  readonly warmUpSeconds: number;
  /** Requests per second over all connections; absent: as fast as the answers come. */
  readonly requestsPerSecond?: number;
  readonly people: number;
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

const prepared = 256;

class Connection {
  readonly #socket: Socket;
  #sentAt = 0;
  #pending: Buffer = Buffer.alloc(0);

  constructor(
    port: number,
    private readonly next: () => Buffer | undefined,
    private readonly done: (latencyMs: number, failure: string | undefined) => void,
  ) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#socket.on('error', (error) => this.done(NaN, error.message));
  }

  send(): void {
    const request = this.next();
    if (request === undefined) return;
    this.#sentAt = performance.now();
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const headEnd = bytes.indexOf('\r\n\r\n');
    const length =
      headEnd === -1 ? undefined : /content-length: (\d+)/i.exec(bytes.toString('latin1', 0, headEnd));
    if (length === undefined || length === null || bytes.length < headEnd + 4 + Number(length[1])) {
      this.#pending = bytes;
      return;
    }
    this.#pending = Buffer.alloc(0);
    const ok = bytes[9] === 50 && bytes[10] === 48 && bytes[11] === 48;
    this.done(performance.now() - this.#sentAt, ok ? undefined : bytes.toString('latin1', 0, 300));
    this.send();
  }
}

/** Requests as bytes, and where the digits of each of their events stand. */
function prepare(load: HttpLoad): { bytes: Buffer; marks: number[] }[] {
  const headers = Object.entries(load.headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  return bodies(prepared, load.eventsPerRequest, load.people).map((body) => {
    const head = `POST ${load.path} HTTP/1.1\r\nhost: 127.0.0.1:${load.port}\r\ncontent-type: application/json\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n`;
    const bytes = Buffer.from(head + body);
    const marks: number[] = [];
    for (let at = bytes.indexOf(serialMark); at !== -1; at = bytes.indexOf(serialMark, at + serialDigits))
      marks.push(at);
    return { bytes, marks };
  });
}

async function run(load: HttpLoad): Promise<HttpLoadResult> {
  const requests = prepare(load);
  const latenciesMs: number[] = [];
  let serial = (Date.now() % 1e9) * 1000;
  let failed = 0;
  let failure: string | undefined;
  let counting = false;
  let stopped = false;
  let budget = load.requestsPerSecond === undefined ? Infinity : 0;
  let turn = 0;
  const idle: Connection[] = [];
  const next = (): Buffer | undefined => {
    if (stopped || budget < 1) return undefined;
    budget--;
    const { bytes, marks } = requests[turn++ % prepared] as (typeof requests)[number];
    // A copy: the socket may still hold the bytes when the template comes round again.
    const copy = Buffer.from(bytes);
    for (const at of marks) copy.write(String(serial++).padStart(serialDigits, '0'), at, 'latin1');
    return copy;
  };
  const connections = Array.from({ length: load.connections }, () => {
    const connection: Connection = new Connection(load.port, next, (latencyMs, problem) => {
      if (counting) {
        if (problem === undefined) latenciesMs.push(latencyMs);
        else failed++;
      }
      failure ??= problem;
      if (budget < 1) idle.push(connection);
    });
    return connection;
  });
  const paced = load.requestsPerSecond;
  const pacing =
    paced === undefined
      ? undefined
      : setInterval(() => {
          budget = Math.min(budget + paced / 100, load.connections);
          while (budget >= 1 && idle.length > 0) idle.shift()?.send();
        }, 10);
  if (paced === undefined) for (const connection of connections) connection.send();
  else idle.push(...connections);
  await sleep(load.warmUpSeconds);
  counting = true;
  const started = performance.now();
  await sleep(load.seconds);
  counting = false;
  const seconds = (performance.now() - started) / 1000;
  stopped = true;
  clearInterval(pacing);
  await sleep(0.1);
  for (const connection of connections) connection.close();
  return {
    requests: latenciesMs.length,
    failed,
    ...(failure === undefined ? {} : { failure }),
    seconds,
    latenciesMs,
  };
}

const sleep = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000));

process.on('message', (load: HttpLoad) => {
  void run(load).then((result) => process.send?.(result));
});
process.once('disconnect', () => process.exit(0));
process.send?.('ready');
