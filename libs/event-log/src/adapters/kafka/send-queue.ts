import type { Message, Producer, RecordMetadata, TopicMessages } from 'kafkajs';
import { RapportError } from '@rapport/kernel';
import type { NewRecord, Position } from '../../event-log.js';
import { partitionOfKey } from '../../partitioner.js';

/** Bytes that may wait to be sent; beyond, an append is refused so that memory stays bounded. */
const maxWaitingBytes = 256 * 1024 * 1024;
/** What goes to one partition in one piece: it becomes visible together, below the topic's max.message.bytes. */
const maxPieceBytes = 8 * 1024 * 1024;
/** What several appends may add up to in one request, for one partition. */
const gatheredBytes = 1024 * 1024;
/** Length fields and headers around each record. */
const recordOverheadBytes = 64;

interface Call {
  readonly positions: Position[];
  open: number;
  readonly resolve: (positions: readonly Position[]) => void;
  readonly reject: (thrown: unknown) => void;
}

/** What one append sends to one partition. */
interface Piece {
  readonly call: Call;
  readonly messages: Message[];
  /** Where the messages stand in the call. */
  readonly places: number[];
  bytes: number;
}

interface Line {
  readonly topic: string;
  readonly partition: number;
  readonly waiting: Piece[];
  sending: boolean;
}

/** Sends with one producer until a send fails; then nothing may follow on it. */
interface Session {
  readonly producer: Producer;
  flights: number;
  failed: boolean;
}

export interface SendQueueOptions {
  readonly connect: () => Promise<Producer>;
  /** The broker that leads a partition; sends to different leaders run side by side. */
  readonly leaderOf: (topic: string, partition: number) => number;
  readonly onFailed: (thrown: unknown) => RapportError;
}

/**
 * Gathers appends into few requests: at most one request at a time holds records of a partition, and everything
 * that comes meanwhile goes into the next. The producer is idempotent, so its own repetitions cannot double records.
 * After a send that failed for good its sequence numbers are in doubt: the same numbers with other records would be
 * taken for a repetition and dropped by the broker. So a failed producer is never used again.
 */
export class SendQueue {
  readonly #options: SendQueueOptions;
  readonly #lines = new Map<string, Line>();
  readonly #busyLeaders = new Set<number>();
  /** Stands for the leader of a partition where nobody knows it; counts down. */
  #nobody = -1;
  #waitingBytes = 0;
  #session: Promise<Session> | undefined;
  #retired = Promise.resolve();
  #scheduled = false;
  #idle: (() => void)[] = [];
  #flights = 0;

  constructor(options: SendQueueOptions) {
    this.#options = options;
  }

  append(
    topic: string,
    partitions: number,
    records: readonly NewRecord[],
    nowMs: number,
  ): Promise<readonly Position[]> {
    if (records.length === 0) return Promise.resolve([]);
    if (this.#waitingBytes > maxWaitingBytes) {
      return Promise.reject(
        new RapportError(
          'EVENT_LOG_OVERLOADED',
          'exhausted',
          `${this.#waitingBytes} bytes wait for Kafka already; append again later`,
        ),
      );
    }
    return new Promise((resolve, reject) => {
      const call: Call = { positions: new Array<Position>(records.length), open: 0, resolve, reject };
      const pieces = new Map<number, Piece>();
      records.forEach((record, at) => {
        const partition = partitionOfKey(record.key, partitions);
        const message = messageOf(record, partition, nowMs);
        const bytes = sizeOf(record);
        let piece = pieces.get(partition);
        if (piece === undefined || piece.bytes + bytes > maxPieceBytes) {
          pieces.set(partition, (piece = { call, messages: [], places: [], bytes: 0 }));
          call.open++;
          this.#line(topic, partition).waiting.push(piece);
        }
        piece.messages.push(message);
        piece.places.push(at);
        piece.bytes += bytes;
        this.#waitingBytes += bytes;
      });
      this.#schedule();
    });
  }

  /** Resolves when everything that was handed over has been answered, one way or the other. */
  async close(): Promise<void> {
    if (this.#flights > 0 || this.#hasWaiting())
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    const session = await this.#session?.catch(() => undefined);
    this.#session = undefined;
    await session?.producer.disconnect().catch(() => undefined);
    await this.#retired;
  }

  #hasWaiting(): boolean {
    return [...this.#lines.values()].some((line) => line.waiting.length > 0);
  }

  #line(topic: string, partition: number): Line {
    const name = `${topic}/${partition}`;
    let line = this.#lines.get(name);
    if (line === undefined) this.#lines.set(name, (line = { topic, partition, waiting: [], sending: false }));
    return line;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Once per turn of the event loop: requests that came in together are sent together.
    setImmediate(() => {
      this.#scheduled = false;
      this.#sendReady();
    });
  }

  #sendReady(): void {
    const byLeader = new Map<number, Line[]>();
    for (const line of this.#lines.values()) {
      if (line.sending || line.waiting.length === 0) continue;
      const known = this.#options.leaderOf(line.topic, line.partition);
      // Who leads nobody knows flies alone: what leads to several brokers in one request fails together.
      const leader = known < 0 ? this.#nobody-- : known;
      if (this.#busyLeaders.has(leader)) continue;
      const lines = byLeader.get(leader);
      if (lines === undefined) byLeader.set(leader, [line]);
      else lines.push(line);
    }
    for (const [leader, lines] of byLeader) void this.#fly(leader, lines);
    if (this.#flights === 0 && !this.#hasWaiting()) for (const idle of this.#idle.splice(0)) idle();
  }

  async #fly(leader: number, lines: readonly Line[]): Promise<void> {
    this.#busyLeaders.add(leader);
    this.#flights++;
    const loads = lines.map((line) => ({ line, pieces: takePieces(line) }));
    for (const { line } of loads) line.sending = true;
    try {
      const answers = await this.#send(loads);
      for (const load of loads) settle(load, answers);
    } catch (thrown) {
      const failure = this.#options.onFailed(thrown);
      for (const { pieces } of loads) for (const { call } of pieces) call.reject(failure);
    } finally {
      for (const { line, pieces } of loads) {
        line.sending = false;
        for (const { bytes } of pieces) this.#waitingBytes -= bytes;
      }
      this.#busyLeaders.delete(leader);
      this.#flights--;
      this.#sendReady();
    }
  }

  async #send(loads: readonly Load[]): Promise<readonly RecordMetadata[]> {
    const session = await this.#open();
    session.flights++;
    try {
      const answers: RecordMetadata[] = [];
      // Where a retry is needed, kafkajs sends nothing more to a broker that has answered: a partition that moved there
      // meanwhile is left out, with its sequence numbers as they were, and is sent again here.
      for (let left = loads; left.length > 0; left = unanswered(left, answers)) {
        const more = await session.producer.sendBatch({ acks: -1, topicMessages: left.map(messagesOf) });
        if (more.length === 0) throw new Error('the brokers answered for no partition');
        answers.push(...more);
      }
      return answers;
    } catch (thrown) {
      session.failed = true;
      throw thrown;
    } finally {
      session.flights--;
      if (session.failed && session.flights === 0) this.#retire(session);
    }
  }

  async #open(): Promise<Session> {
    for (;;) {
      const opening = (this.#session ??= this.#options
        .connect()
        .then((producer) => ({ producer, flights: 0, failed: false })));
      let session: Session;
      try {
        session = await opening;
      } catch (thrown) {
        if (this.#session === opening) this.#session = undefined;
        throw thrown;
      }
      if (!session.failed) return session;
      // Its last flight retires it.
      if (this.#session === opening) this.#session = undefined;
    }
  }

  #retire(session: Session): void {
    this.#session = undefined;
    this.#retired = this.#retired.then(() => session.producer.disconnect()).catch(() => undefined);
  }
}

interface Load {
  readonly line: Line;
  readonly pieces: readonly Piece[];
}

function takePieces(line: Line): Piece[] {
  const pieces: Piece[] = [];
  let bytes = 0;
  for (let next = line.waiting[0]; next !== undefined; next = line.waiting[0]) {
    if (pieces.length > 0 && bytes + next.bytes > gatheredBytes) break;
    bytes += next.bytes;
    pieces.push(next);
    line.waiting.shift();
  }
  return pieces;
}

function messagesOf({ line, pieces }: Load): TopicMessages {
  return { topic: line.topic, messages: pieces.flatMap(({ messages }) => messages) };
}

const answerOf = ({ line }: Load, answers: readonly RecordMetadata[]): RecordMetadata | undefined =>
  answers.find(({ topicName, partition }) => topicName === line.topic && partition === line.partition);

const unanswered = (loads: readonly Load[], answers: readonly RecordMetadata[]): readonly Load[] =>
  loads.filter((load) => answerOf(load, answers) === undefined);

function settle(load: Load, answers: readonly RecordMetadata[]): void {
  const { line, pieces } = load;
  const answer = answerOf(load, answers);
  let offset = Number(answer?.baseOffset ?? answer?.offset ?? NaN);
  for (const { call, places } of pieces) {
    for (const place of places) call.positions[place] = { partition: line.partition, offset: offset++ };
    if (--call.open === 0) call.resolve(call.positions);
  }
}

function messageOf(
  { key, value, headers, timestampMs }: NewRecord,
  partition: number,
  nowMs: number,
): Message {
  return {
    key,
    // A copy: the caller may go on using its bytes while the record waits.
    value: value === null ? null : Buffer.from(value),
    partition,
    timestamp: String(timestampMs ?? nowMs),
    ...(headers === undefined ? {} : { headers: { ...headers } }),
  };
}

function sizeOf({ key, value, headers }: NewRecord): number {
  let bytes = recordOverheadBytes + key.length * 3 + (value?.byteLength ?? 0);
  for (const [name, text] of Object.entries(headers ?? {})) bytes += name.length + text.length * 3 + 4;
  return bytes;
}
