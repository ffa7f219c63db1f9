import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { gzipSync } from 'node:zlib';
import { status as GrpcStatus } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inferenceProto, ingestionProto, modelsProto } from '@rapport/contracts';
import { RapportError } from '@rapport/kernel';
import { Gate } from './access/gate.js';
import { BoundedReader } from './bounded-reader.js';
import { GrpcServer } from './grpc-server.js';
import { usualLimits } from './message-limits.js';
import type { ServiceContract } from './service-definition.js';

const goodKey = { authorization: 'Bearer good' };
const score = '/rapport.models.v1.ModelsService/Score';
const infer = '/inference.GRPCInferenceService/ModelInfer';
const acceptStream = '/rapport.ingestion.v1.IngestionService/AcceptStream';
const health = '/grpc.health.v1.Health/Check';
const reflection = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
const maxInFlightBytes = 4 << 20;
const messageTimeoutMs = 300;

/** A window is 64 KiB; a second one may be given before the first is looked at. */
const windowsUnderWay = 3 * 65_535;

const asked: unknown[] = [];
const bugs: unknown[] = [];
/** Every method asks for the same. */
const everywhere = ({ methods }: ServiceContract) => ({
  access: Object.fromEntries(Object.keys(methods).map((key) => [key, 'operate'] as const)),
});
const server = new GrpcServer({
  bindings: [
    {
      contract: modelsProto.ModelsServiceDefinition,
      ...everywhere(modelsProto.ModelsServiceDefinition),
      implementation: {
        score: (request: modelsProto.ScoreRequest) => {
          asked.push(request);
          return Promise.resolve(modelsProto.ScoreResponse.fromPartial({ version: 'x' }));
        },
      },
    },
    {
      contract: inferenceProto.GRPCInferenceServiceDefinition,
      ...everywhere(inferenceProto.GRPCInferenceServiceDefinition),
      implementation: {
        modelInfer: () => Promise.resolve(inferenceProto.ModelInferResponse.fromPartial({})),
      },
      limits: { maxBytes: 8 << 20, maxObjects: 1000 },
    },
    {
      contract: ingestionProto.IngestionServiceDefinition,
      ...everywhere(ingestionProto.IngestionServiceDefinition),
      implementation: {
        async *acceptStream(requests: AsyncIterable<ingestionProto.AcceptStreamRequest>) {
          for await (const { sentAt } of requests) {
            if (sentAt === 'bad') throw new RapportError('TEST_REFUSED', 'invalid', 'expected another one');
            const detail = sentAt === 'large' ? 'x'.repeat(1 << 20) : '';
            yield ingestionProto.AcceptStreamResponse.fromPartial({
              results: detail === '' ? [] : [{ detail }],
            });
          }
        },
      },
    },
  ],
  gate: new Gate({ credentials: { apiToken: 'good' } }),
  maxInFlightBytes,
  messageTimeoutMs,
  writeTimeoutMs: messageTimeoutMs,
  onBug: (thrown) => void bugs.push(thrown),
});

let url: string;
let session: ClientHttp2Session;
beforeAll(async () => {
  await server.reflect();
  url = `http://127.0.0.1:${await server.listen('127.0.0.1', 0)}`;
});
afterAll(() => server.stop(0));
beforeEach(() => {
  asked.length = 0;
  session = connect(url);
});
afterEach(() => {
  session.destroy();
  expect(bugs).toEqual([]);
});

/** A gRPC frame: flag, length, bytes. */
const frame = (bytes: Uint8Array, flag = 0, length = bytes.length): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
};

const open = (path: string, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream =>
  session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });

interface Answer {
  readonly status: number;
  readonly details: string;
  readonly code: string;
  readonly bytes: number;
}

/** What a call ended with; the client goes on as `more` says until then. */
const answerOf = (stream: ClientHttp2Stream): Promise<Answer> =>
  new Promise((resolve, reject) => {
    let told: Record<string, unknown> = {};
    let bytes = 0;
    stream.on('response', (headers) => (told = { ...told, ...headers }));
    stream.on('trailers', (headers: object) => (told = { ...told, ...headers }));
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    stream.on('error', reject);
    stream.on('close', () =>
      resolve({
        status: Number(told['grpc-status']),
        details: decodeURI(String(told['grpc-message'])),
        code: String(told['rapport-code']),
        bytes,
      }),
    );
  });

const ask = (path: string, body: Uint8Array, headers: OutgoingHttpHeaders = goodKey): Promise<Answer> => {
  const stream = open(path, headers);
  const answer = answerOf(stream);
  stream.end(body);
  return answer;
};

/** Sends for as long as the server takes it. */
const sendWithoutEnd = (stream: ClientHttp2Stream): void => {
  const chunk = Buffer.alloc(16 * 1024, 1);
  const more = (): void => {
    while (!stream.closed && !stream.destroyed && stream.write(chunk)) continue;
    stream.once('drain', more);
  };
  more();
};

const aScore = modelsProto.ScoreRequest.encode(modelsProto.ScoreRequest.fromPartial({ model: 'm' })).finish();

describe('credentials', () => {
  it.each([score, infer, acceptStream])(
    'are judged by metadata: of an endless body to %s without a key no more is taken than was on its way',
    async (path) => {
      const stream = open(path);
      const answer = answerOf(stream);
      // A whole gigabyte, says the frame.
      stream.write(frame(Buffer.alloc(0), 0, 1 << 30));
      sendWithoutEnd(stream);
      expect(await answer).toMatchObject({
        status: GrpcStatus.UNAUTHENTICATED,
        code: 'AUTH_TOKEN_MISSING',
        details: expect.stringContaining(
          'AUTH_TOKEN_MISSING: expected the header Authorization',
        ) as unknown as string,
      });
      // What HTTP/2 lets a client send unasked, and what was under way when it was told.
      expect(session.socket.bytesWritten).toBeLessThan(windowsUnderWay);
      expect(server.arriving).toBe(0);
    },
  );

  it('are not asked by health and reflection', async () => {
    expect(await ask(health, frame(Buffer.alloc(0)), {})).toMatchObject({ status: GrpcStatus.OK });
    expect(await ask(reflection, Buffer.alloc(0), {})).toMatchObject({ status: GrpcStatus.OK });
  });
});

describe('the size of a message', () => {
  it.each([
    ['sent', frame(Buffer.alloc(0), 0, usualLimits.maxBytes + 1), {}],
    ['inflated', frame(gzipSync(Buffer.alloc(64 << 20)), 1), { 'grpc-encoding': 'gzip' }],
  ])('is bounded as it is %s, per service', async (_how, body, headers) => {
    const answer = await ask(score, body, { ...goodKey, ...headers });
    expect(answer).toMatchObject({ status: GrpcStatus.INVALID_ARGUMENT, code: 'GRPC_MESSAGE_TOO_LARGE' });
    expect(answer.details).toContain(String(usualLimits.maxBytes));
  });

  it('is larger for a service that says so', async () => {
    const request = inferenceProto.ModelInferRequest.fromPartial({
      rawInputContents: [Buffer.alloc(2 * usualLimits.maxBytes)],
    });
    const bytes = inferenceProto.ModelInferRequest.encode(request).finish();
    expect(await ask(infer, frame(bytes))).toMatchObject({ status: GrpcStatus.OK });
  });

  it('ends the call at the head of the frame, whatever comes behind', async () => {
    const stream = open(score, goodKey);
    const answer = answerOf(stream);
    stream.write(frame(Buffer.alloc(0), 0, 1 << 30));
    sendWithoutEnd(stream);
    expect(await answer).toMatchObject({ code: 'GRPC_MESSAGE_TOO_LARGE' });
    expect(session.socket.bytesWritten).toBeLessThan(windowsUnderWay);
  });

  it('is counted while it comes: large messages that do not get ready find no room, small ones do', async () => {
    const held = frame(Buffer.alloc(0), 0, 8 << 20);
    const streams = Array.from({ length: 8 }, () => open(infer, goodKey));
    const answers = streams.map(answerOf);
    for (const stream of streams) {
      stream.write(held);
      stream.write(Buffer.alloc(1 << 20));
    }
    const codes = (await Promise.all(answers)).map(({ code }) => code);
    expect(codes).toContain('GRPC_OVER_CAPACITY');
    // The others fit, and did not come within the time for a message.
    expect(new Set(codes)).toEqual(new Set(['GRPC_OVER_CAPACITY', 'GRPC_MESSAGE_TIMEOUT']));
    expect(server.arriving).toBe(0);
    expect(await ask(score, frame(aScore))).toMatchObject({ status: GrpcStatus.OK });
  });

  it('may take its time within a stream only between messages', async () => {
    const stream = open(acceptStream, goodKey);
    const answer = answerOf(stream);
    const one = ingestionProto.AcceptStreamRequest.fromPartial({ sentAt: 'x'.repeat(100) });
    const whole = frame(ingestionProto.AcceptStreamRequest.encode(one).finish());
    stream.write(whole);
    await new Promise((resolve) => stream.once('data', resolve));
    const rested = new Promise((resolve) => setTimeout(resolve, 2 * messageTimeoutMs));
    await rested;
    expect(stream.closed).toBe(false);
    stream.write(whole.subarray(0, 50));
    expect(await answer).toMatchObject({ code: 'GRPC_MESSAGE_TIMEOUT' });
  });
});

describe('what is in a message', () => {
  /** 24 KB on the wire, 12.6 million empty elements of field 2, 4 and 5. */
  it.each([
    [score, 4],
    [infer, 5],
    [infer, 7],
    [acceptStream, 2],
  ])('costs next to nothing when %s has millions of empty elements of field %d', async (path, field) => {
    const empties = Buffer.alloc(
      path === infer ? 8 << 20 : usualLimits.maxBytes,
      Buffer.from([(field << 3) | 2, 0]),
    );
    const before = process.memoryUsage().heapUsed;
    const answer = await ask(path, frame(gzipSync(empties), 1), { ...goodKey, 'grpc-encoding': 'gzip' });
    expect(answer).toMatchObject({ status: GrpcStatus.INVALID_ARGUMENT, code: 'GRPC_MESSAGE_TOO_LARGE' });
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(usualLimits.maxObjects * 1000);
    expect(asked).toEqual([]);
  });

  it('is bounded in depth', () => {
    const deep = (levels: number): Uint8Array =>
      levels === 0
        ? Buffer.alloc(0)
        : wrap(5, wrap(1, Buffer.concat([wrap(1, Buffer.from('a')), wrap(2, deep(levels - 1))])));
    const wrap = (field: number, bytes: Uint8Array): Buffer =>
      Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(bytes.length)]), bytes]);
    const varint = (value: number): number[] =>
      value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
    const event = (levels: number): BoundedReader =>
      new BoundedReader(wrap(10, wrap(1, wrap(2, deep(levels)))), usualLimits);
    expect(() => ingestionProto.Event.decode(event(31))).not.toThrow();
    expect(() => ingestionProto.Event.decode(event(500))).toThrow('at most 99 deep');
  });

  it('is refused before more than the limit is made, and is what the generated decoder makes of it otherwise', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.double())),
        fc.array(fc.string()),
        fc.nat(200),
        (rows, persons, maxObjects) => {
          const request = modelsProto.ScoreRequest.fromPartial({
            rows: rows.map((values) => ({ values })),
            persons,
          });
          const bytes = modelsProto.ScoreRequest.encode(request).finish();
          // The message itself, each row, each entry of a map and its key (an empty one is not sent), each text.
          const keys = rows.flatMap((row) => Object.keys(row));
          const objects =
            1 + rows.length + keys.length + keys.filter((key) => key !== '').length + persons.length;
          const read = () =>
            modelsProto.ScoreRequest.decode(new BoundedReader(bytes, { ...usualLimits, maxObjects }));
          if (objects > maxObjects) expect(read).toThrow('messages, texts and blobs');
          else expect(read()).toEqual(modelsProto.ScoreRequest.decode(bytes));
        },
      ),
    );
  });
});

describe('an answer that is not taken', () => {
  it('is cut off: nothing of it stays', async () => {
    const stream = open(acceptStream, goodKey);
    stream.pause();
    const closed = new Promise((resolve) => stream.once('close', resolve));
    stream.on('error', () => undefined);
    const one = ingestionProto.AcceptStreamRequest.fromPartial({ sentAt: 'large' });
    stream.write(frame(ingestionProto.AcceptStreamRequest.encode(one).finish()));
    await closed;
    expect(stream.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });
});

describe('a broken request', () => {
  const broken: [string, Uint8Array, OutgoingHttpHeaders][] = [
    ['truncated protobuf', frame(Buffer.from([0x0a, 0x7f])), {}],
    ['a wrong wire type', frame(Buffer.from([0x0f, 0x00])), {}],
    ['groups without end', frame(Buffer.alloc(50_000, 0x0b)), {}],
    ['an endless varint', frame(Buffer.alloc(64, 0xff)), {}],
    ['gzip that is none', frame(Buffer.from('none'), 1), { 'grpc-encoding': 'gzip' }],
    ['gzip that is cut', frame(gzipSync(Buffer.alloc(999)).subarray(0, 20), 1), { 'grpc-encoding': 'gzip' }],
    ['an unknown encoding', frame(aScore, 1), { 'grpc-encoding': 'snappy' }],
    ['no message', Buffer.alloc(0), {}],
    ['two messages', Buffer.concat([frame(aScore), frame(aScore)]), {}],
    ['a timeout that is none', frame(aScore), { 'grpc-timeout': 'soon' }],
  ];
  const faults = [GrpcStatus.INVALID_ARGUMENT, GrpcStatus.UNIMPLEMENTED];

  it.each(broken)(
    'of %s is told as the fault of the client, in the one form',
    async (_what, body, headers) => {
      for (const path of [score, infer]) {
        const answer = await ask(path, body, { ...goodKey, ...headers });
        expect(faults).toContain(answer.status);
        expect(answer.details).toMatch(/^[A-Z]+(_[A-Z]+)+: ./);
        expect(answer.code).toBe(answer.details.split(':')[0]);
      }
    },
  );

  it.each(broken.slice(0, 7))(
    'of %s is told so by health and reflection too',
    async (_what, body, headers) => {
      for (const path of [health, reflection]) {
        // Their decoders overlook some of it.
        const answer = await ask(path, body, headers);
        expect([...faults, GrpcStatus.OK]).toContain(answer.status);
        if (answer.status !== Number(GrpcStatus.OK)) expect(answer.code).toBe(answer.details.split(':')[0]);
      }
    },
  );

  it('of an unknown method or service is UNIMPLEMENTED', async () => {
    for (const path of [
      '/rapport.models.v1.ModelsService/Nothing',
      '/no.Such/Thing',
      '/',
      '/%zz',
      '/é'.normalize(),
    ]) {
      expect(await ask(encodeURI(path), frame(aScore))).toMatchObject({
        status: GrpcStatus.UNIMPLEMENTED,
        code: 'RPC_UNKNOWN',
      });
    }
  });

  it('of another content type is 415 with the error', async () => {
    for (const type of ['application/json', 'text/html', '']) {
      const answer = await ask(score, Buffer.from('{}'), { ...goodKey, 'content-type': type });
      expect(answer).toMatchObject({ status: GrpcStatus.INVALID_ARGUMENT, code: 'GRPC_CONTENT_TYPE' });
    }
  });

  it('within a stream that was answered already keeps the answers and tells the reason', async () => {
    const stream = open(acceptStream, goodKey);
    const answer = answerOf(stream);
    const one = (sentAt: string) =>
      frame(
        ingestionProto.AcceptStreamRequest.encode(
          ingestionProto.AcceptStreamRequest.fromPartial({ sentAt }),
        ).finish(),
      );
    stream.write(one('good'));
    await new Promise((resolve) => stream.once('data', resolve));
    stream.write(one('bad'));
    // Not ended by the client: the server ends it.
    expect(await answer).toMatchObject({
      status: GrpcStatus.INVALID_ARGUMENT,
      code: 'TEST_REFUSED',
      bytes: 5,
    });
  });

  it('is never the end of the server: random bytes, flags and lengths', async () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(score, infer, acceptStream, health, reflection),
        fc.oneof(
          bytes,
          fc.tuple(bytes, fc.nat(3)).map(([body, flag]) => frame(body, flag)),
        ),
        fc.constantFrom('identity', 'gzip', 'deflate', 'x'),
        async (path, body, encoding) => {
          const answer = await ask(path, body, { ...goodKey, 'grpc-encoding': encoding });
          expect([GrpcStatus.INTERNAL, GrpcStatus.UNKNOWN, NaN]).not.toContain(answer.status);
        },
      ),
      { numRuns: 200 },
    );
    expect(await ask(score, frame(aScore))).toMatchObject({ status: GrpcStatus.OK });
  });
});
