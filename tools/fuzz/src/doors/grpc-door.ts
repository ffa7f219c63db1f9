import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { methods, type Method } from '../inputs/contracts.js';
import { eventMessage, messageOf, type Fields } from '../inputs/messages.js';
import { manyOf, type Json } from '../inputs/json.js';
import { personsOf } from './http-door.js';
import { answerWithinMs, type Door, type Fault, type Target } from './door.js';
import { frameOf, GrpcWire, type CallEnd } from './grpc-wire.js';

/** What is done to the bytes of a message before they go. */
interface Damage {
  readonly how: 'cut' | 'flip' | 'append' | 'twice' | 'noise' | 'empties';
  readonly at: number;
  readonly byte: number;
}

interface GrpcInput {
  readonly method: Method;
  readonly messages: readonly Fields[];
  readonly own: boolean;
  readonly damage: Damage | undefined;
  readonly framing:
    | 'right'
    | 'gzip'
    | 'says gzip'
    | 'flag alone'
    | 'too long'
    | 'too short'
    | 'many'
    | 'none'
    | 'unknown encoding';
  readonly ending: 'end' | 'cancel' | 'leave';
  readonly token: 'right' | 'none' | 'wrong';
}

const often = <T>(right: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(right) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );

const requestsOf = (method: Method): fc.Arbitrary<Fields> =>
  /IngestionService\/Accept/.test(method.path)
    ? fc
        .oneof(
          { weight: 20, arbitrary: fc.array(eventMessage, { minLength: 1, maxLength: 6 }) },
          {
            weight: 1,
            arbitrary: fc
              .tuple(eventMessage, fc.constantFrom(2_500, 2_501))
              .map(([one, n]) => manyOf(one, n)),
          },
        )
        .map((events) => ({ events }))
    : messageOf(method.request, method.path);

const accepts = methods.filter(({ path }) => path.includes('IngestionService/Accept'));

const grpcInput: fc.Arbitrary<GrpcInput> = fc
  .oneof(
    { weight: 1, arbitrary: fc.constantFrom(...accepts) },
    { weight: 3, arbitrary: fc.constantFrom(...methods) },
  )
  .chain((method) =>
    fc.record({
      method: fc.constant(method),
      messages: fc.array(requestsOf(method), { minLength: 1, maxLength: method.requestStream ? 4 : 1 }),
      own: fc.boolean(),
      damage: fc.oneof(
        { weight: 6, arbitrary: fc.constant(undefined) },
        fc.record({
          how: fc.constantFrom('cut', 'flip', 'append', 'twice', 'noise', 'empties'),
          at: fc.nat(4_000),
          byte: fc.nat(255),
        }),
      ),
      framing: often<GrpcInput['framing']>(
        'right',
        'gzip',
        'says gzip',
        'flag alone',
        'too long',
        'too short',
        'many',
        'none',
        'unknown encoding',
      ),
      ending: often<GrpcInput['ending']>('end', 'cancel', 'leave'),
      token: often<GrpcInput['token']>('right', 'none', 'wrong'),
    }),
  );

function encode(input: GrpcInput, nth: string): Buffer[] {
  const { method } = input;
  return input.messages.map((message, turn) => {
    const events = message['events'] as readonly Fields[] | undefined;
    const named =
      input.own && events !== undefined
        ? {
            ...message,
            events: events.map((event, at) => ({ ...event, messageId: `z${nth}-${turn}-${at}` })),
          }
        : message;
    return damaged(
      Buffer.from(method.request.encode(method.request.fromObject(named)).finish()),
      input.damage,
    );
  });
}

function damaged(bytes: Buffer, damage: Damage | undefined): Buffer {
  if (damage === undefined) return bytes;
  const { how, byte } = damage;
  const at = bytes.length === 0 ? 0 : damage.at % bytes.length;
  switch (how) {
    case 'cut':
      return bytes.subarray(0, at);
    case 'flip': {
      const changed = Buffer.from(bytes);
      if (changed.length > 0) changed[at] = byte;
      return changed;
    }
    case 'append':
      return Buffer.concat([bytes, Buffer.from([byte, 0xff, 0xff, 0xff, 0xff, 0x0f])]);
    case 'twice':
      return Buffer.concat([bytes, bytes]);
    case 'noise':
      return Buffer.from(Array.from({ length: at }, (_, index) => (index * byte + 7) % 256));
    case 'empties':
      // Very many empty elements of field 1, 2 or 3: two bytes each on the wire, an object each when decoded.
      return Buffer.alloc(400_000, Buffer.from([((byte % 3) + 1) * 8 + 2, 0]));
  }
}

function chunksOf(payloads: readonly Buffer[], framing: GrpcInput['framing']): Buffer[] {
  switch (framing) {
    case 'gzip':
      return payloads.map((payload) => frameOf(gzipSync(payload), 1));
    case 'says gzip':
    case 'flag alone':
    case 'unknown encoding':
      return payloads.map((payload) => frameOf(payload, 1));
    case 'too long':
      return payloads.map((payload) => frameOf(payload, 0, 2 ** 31));
    case 'too short':
      return payloads.map((payload) => frameOf(payload, 0, Math.max(0, payload.length - 3)));
    case 'many':
      return payloads.flatMap((payload) => [frameOf(payload), frameOf(payload), frameOf(payload)]);
    case 'none':
      return [];
    default:
      return payloads.map((payload) => frameOf(payload));
  }
}

function headersOf({ framing, token }: GrpcInput, target: Target): Record<string, string> {
  return {
    ...(framing === 'gzip' || framing === 'says gzip' ? { 'grpc-encoding': 'gzip' } : {}),
    ...(framing === 'unknown encoding' ? { 'grpc-encoding': 'snappy' } : {}),
    ...(token === 'right'
      ? { authorization: `Bearer ${target.apiToken}`, 'x-write-key': target.writeKey }
      : token === 'wrong'
        ? { authorization: 'Bearer wrong', 'x-write-key': 'wrong' }
        : {}),
  };
}

/** UNKNOWN, INTERNAL, UNAVAILABLE and DATA_LOSS say that it is the server's fault. */
const serverFaults = new Map([
  [2, 'UNKNOWN'],
  [13, 'INTERNAL'],
  [14, 'UNAVAILABLE'],
  [15, 'DATA_LOSS'],
]);

const wires: GrpcWire[] = [];
let nextWire = 0;
/** Subscribers that never read, opened once. */
const watchers = new GrpcWire();
const watcherCount = 20;
let watchedAt = '';

/** Every method of the contracts, with messages of every shape, damaged bytes, wrong frames, calls that are given up. */
export const grpcDoor: Door<GrpcInput> = {
  name: 'grpc',
  lanes: 4,
  feedsTheLog: true,
  inputs: grpcInput,
  show: (input) =>
    `${input.method.path} ${shown(input.messages)} damage: ${JSON.stringify(input.damage) ?? 'none'}, framing: ${input.framing}, ending: ${input.ending}, token: ${input.token}`,
  async send(input, target, nth) {
    watch(target);
    const wire = (wires[nextWire++ % 4] ??= new GrpcWire());
    const end = await wire.call(target.grpcAddress, {
      path: input.method.path,
      headers: headersOf(input, target),
      chunks: chunksOf(encode(input, nth), input.framing),
      ending:
        input.method.responseStream && input.ending === 'end' && !input.method.requestStream
          ? 'leave'
          : input.ending,
    });
    target.count(`grpc ${end.status ?? 'closed'}`);
    return judge(input, end, target);
  },
  calm: () => {
    for (const wire of [...wires, watchers]) wire.close();
  },
};

function judge(input: GrpcInput, end: CallEnd, target: Target): Fault | undefined {
  const place = input.method.path;
  if (end.timedOut) return { kind: 'no answer', place, text: `nothing for ${answerWithinMs} ms` };
  const isWhole = input.damage === undefined && input.framing === 'right' && input.ending === 'end';
  const fault = serverFaults.get(end.status ?? 0);
  if (fault !== undefined) {
    // What differs from input to input is no part of the place.
    const reason = end.message.replace(/["'`].*?["'`]|\d+/g, '…').slice(0, 60);
    return {
      kind: 'server fault',
      place: `${isWhole ? place : 'any method, bad bytes or frames'} ${fault} ${reason}`,
      text: end.message.slice(0, 600),
    };
  }
  if (!isWhole || end.status !== 0 || !place.includes('IngestionService/Accept')) return undefined;
  return judgeVerdicts(input, end, target);
}

interface Verdict {
  readonly messageId?: string;
  readonly accepted?: boolean;
  readonly code?: string;
}

/** A response for each request, a verdict for each event, in order. */
function judgeVerdicts(input: GrpcInput, end: CallEnd, target: Target): Fault | undefined {
  const wrong = (text: string): Fault => ({ kind: 'no verdict', place: input.method.path, text });
  if (end.frames.length !== input.messages.length)
    return wrong(`expected ${input.messages.length} responses; got ${end.frames.length}`);
  for (const [turn, frame] of end.frames.entries()) {
    const events = (input.messages[turn]?.['events'] ?? []) as readonly Fields[];
    const { results } = input.method.response.decode(frame) as unknown as { results: readonly Verdict[] };
    if (results.length !== events.length)
      return wrong(`expected ${events.length} verdicts; got ${results.length}`);
    for (const [at, { messageId = '', accepted = false, code = '' }] of results.entries()) {
      if (!accepted && code === '') return wrong(`verdict ${at} has neither acceptance nor a code`);
      target.count(accepted ? 'accepted' : `refused ${code}`);
      if (accepted)
        target.accepted(messageId, personsOf(events[at] as Readonly<Record<string, Json>> | undefined));
    }
  }
  return undefined;
}

function watch(target: Target): void {
  if (watchedAt === target.grpcAddress) return;
  watchedAt = target.grpcAddress;
  for (let nth = 0; nth < watcherCount; nth++)
    watchers.subscribe(
      target.grpcAddress,
      '/rapport.profiles.v1.ProfilesService/WatchProfiles',
      target.apiToken,
    );
}

/** Some nest more deeply than JSON.stringify can follow. */
function shown(messages: readonly Fields[]): string {
  try {
    return JSON.stringify(messages).slice(0, 1_200);
  } catch {
    return '(nested too deeply to be shown)';
  }
}
