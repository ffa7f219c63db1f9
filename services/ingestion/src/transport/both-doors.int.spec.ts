import { credentials, makeGenericClientConstructor, Metadata, type Client } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ingestionProto } from '@rapport/contracts';
import { serviceDefinition } from '@rapport/service-host';
import { startIngestion, writeKey, type RunningIngestion } from '../fixtures/running-ingestion.js';
import { maxLevels } from '../domain/accept-event.js';
import { readAcceptRequest } from './read-accept-request.js';

const { AcceptRequest, AcceptResponse, Event } = ingestionProto;
type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

let ingestion: RunningIngestion;
let client: Client;
beforeAll(async () => {
  ingestion = await startIngestion();
  const definition = serviceDefinition(ingestionProto.IngestionServiceDefinition);
  const ClientOf = makeGenericClientConstructor(definition, 'IngestionService');
  client = new ClientOf(ingestion.running.grpcAddress, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await ingestion.stop();
});

interface Verdict {
  readonly messageId: string;
  readonly accepted: boolean;
  readonly code: string;
}
const verdict = ({ messageId, accepted, code }: Partial<Verdict>): Verdict => ({
  messageId: messageId ?? '',
  accepted: accepted ?? false,
  code: code ?? '',
});

const overGrpc = (bytes: Uint8Array): Promise<readonly Verdict[]> =>
  new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      '/rapport.ingestion.v1.IngestionService/Accept',
      (message: Uint8Array) => Buffer.from(message),
      (answer: Buffer) => AcceptResponse.decode(answer),
      bytes,
      Metadata.fromHttp2Headers({ 'x-write-key': writeKey }),
      (error, answer) => (error ? reject(error) : resolve((answer?.results ?? []).map(verdict))),
    );
  });

const overHttp = async (batch: readonly unknown[]): Promise<readonly Verdict[]> => {
  // JSON has no infinity, and what is read as one is written so.
  const text = JSON.stringify({ batch }, (_key, value: unknown) =>
    value === Infinity ? infinite : value,
  ).replaceAll(`"${infinite}"`, '1e999');
  return ((await ingestion.post('/v1/batch', text)).body.results ?? []).map(verdict);
};
const infinite = 'infinite-number';

const nested = (levels: number, list: boolean): Json => {
  let value: Json = 'x';
  for (let level = 0; level < levels; level++) value = list ? [value] : { a: value };
  return value;
};

/** Protobuf carries whole characters only; half of one becomes U+FFFD on its way. */
const text = fc
  .oneof(
    { weight: 6, arbitrary: fc.string({ maxLength: 12 }) },
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.constantFrom(
      'null',
      '0',
      'anonymous',
      'a\0b',
      'x'.repeat(101),
      '漢'.repeat(200),
      '\ud800',
      ' ',
      '__proto__',
    ),
  )
  .map((one) => Buffer.from(one).toString());
const json = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom<Json>(null, true, 1e303, -0, Infinity),
    fc.array(tie('json'), { maxLength: 4 }),
    fc.dictionary(text, tie('json'), { maxKeys: 4 }),
  ),
})).json;
const object = fc.oneof(
  { weight: 4, arbitrary: fc.dictionary(text, json, { maxKeys: 5 }) },
  fc
    .tuple(fc.integer({ min: maxLevels - 3, max: maxLevels + 70 }), fc.boolean())
    .map(([levels, list]) => ({ deep: nested(levels, list) })),
  fc.constant({ large: 'y'.repeat(33_000) }),
  fc.record({ email: text, externalIds: json, traits: json }),
);
const instants = [
  '',
  'soon',
  '2020-01-01',
  '1969-01-01T00:00:00Z',
  '2999-01-01T00:00:00Z',
  '2026-01-01T00:00:00.000Z',
];
const sound = { type: 'track', event: 'Product Viewed', userId: 'u1' };
const event = fc
  .record(
    {
      type: fc.oneof(
        {
          weight: 6,
          arbitrary: fc.constantFrom('identify', 'track', 'page', 'screen', 'group', 'alias', 'TRACK'),
        },
        text,
      ),
      messageId: text,
      userId: text,
      anonymousId: text,
      event: text,
      name: text,
      category: text,
      groupId: text,
      previousId: text,
      timestamp: fc.constantFrom(...instants),
      properties: object,
      traits: object,
      context: object,
    },
    { requiredKeys: [] },
  )
  .map((fields) => ({ ...sound, ...fields }));

describe('both doors', () => {
  it('give one batch the same verdicts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 6 }), async (drafts) => {
        const events = drafts.map((draft, index) => ({ messageId: `both-${index}`, ...draft }));
        const given = events.map((one) =>
          Object.fromEntries(Object.entries(one).filter(([, value]) => value !== '')),
        );
        const bytes = AcceptRequest.encode(AcceptRequest.fromPartial({ events })).finish();
        const [grpc, http] = [await overGrpc(bytes), await overHttp(given)];
        // Where an event names none, or none that can be kept, each door makes one up.
        const named = (verdicts: readonly Verdict[]) =>
          verdicts.map((one, index) => ({
            ...one,
            messageId: one.messageId === given[index]?.['messageId'] ? one.messageId : 'made up',
          }));
        expect(named(grpc)).toEqual(named(http));
        expect(grpc).toHaveLength(events.length);
      }),
      { numRuns: 40 },
    );
  });

  it.each([33, 34, 50, 99, 100, 101, 500, 2000])(
    'refuse an event nested %d levels deep with a verdict, and take its neighbours',
    async (levels) => {
      const events = [
        { ...sound, messageId: 'before' },
        { ...sound, messageId: 'deep', properties: nested(levels, false) },
        { ...sound, messageId: 'behind' },
      ];
      const expected = [
        { messageId: 'before', accepted: true, code: '' },
        { messageId: 'deep', accepted: false, code: 'INGESTION_EVENT_TOO_DEEP' },
        { messageId: 'behind', accepted: true, code: '' },
      ];
      expect(await overHttp(events)).toEqual(expected);
      const request = AcceptRequest.fromPartial({ events: events as never });
      expect(await overGrpc(AcceptRequest.encode(request).finish())).toEqual(expected);
    },
  );

  it.each([NaN, Infinity, -Infinity])(
    'refuse %d, which JSON has no form for, with a verdict',
    async (amount) => {
      const events = [{ ...sound, properties: { amount } }, sound];
      const request = AcceptRequest.fromPartial({ events });
      expect(await overGrpc(AcceptRequest.encode(request).finish())).toMatchObject([
        { accepted: false, code: 'INGESTION_NUMBER_RANGE' },
        { accepted: true },
      ]);
    },
  );

  it('take values that name no kind as JSON takes what is undefined', async () => {
    const messageId = `unset-${Math.random()}`;
    const properties = { absent: undefined, list: [undefined, 1], deeper: { absent: undefined } };
    const request = AcceptRequest.fromPartial({ events: [{ ...sound, messageId, properties }] });
    expect(await overGrpc(AcceptRequest.encode(request).finish())).toMatchObject([{ accepted: true }]);
    const kept = (await ingestion.accepted()).find((one) => one.messageId === messageId);
    expect(kept?.properties).toEqual(JSON.parse(JSON.stringify(properties)));
  });
});

describe('readAcceptRequest', () => {
  it('reads what the generated decoder reads', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 4 }), text, text, (events, writeKeyText, sentAt) => {
        // The generated one gives up where we go on.
        const within = events.filter(({ properties, traits, context }) =>
          [properties, traits, context].every((one) => !JSON.stringify(one ?? '').includes('"deep"')),
        );
        const request = AcceptRequest.fromPartial({ writeKey: writeKeyText, sentAt, events: within });
        const bytes = AcceptRequest.encode(request).finish();
        expect(readAcceptRequest(bytes, 10)).toEqual({
          ...AcceptRequest.decode(bytes),
          arrivedBytes: bytes.length,
        });
      }),
    );
  });

  it('counts events before it makes one, and passes over fields that it does not know', () => {
    const empties = Buffer.alloc(500_000, Buffer.from([0x12, 0x00]));
    expect(() => readAcceptRequest(empties, 2500)).toThrow('got 250000');
    const unknown = Buffer.from([
      0x7a, 0x01, 0x41, 0x78, 0x05, 0x7d, 1, 2, 3, 4, 0x79, 1, 2, 3, 4, 5, 6, 7, 8,
    ]);
    const bytes = Buffer.concat([
      unknown,
      AcceptRequest.encode(AcceptRequest.fromPartial({ events: [sound] })).finish(),
      unknown,
    ]);
    expect(readAcceptRequest(bytes, 1).events).toEqual([Event.fromPartial(sound)]);
  });

  it('throws for what is not protobuf, wherever it is cut', () => {
    const request = AcceptRequest.fromPartial({
      events: [{ ...sound, properties: { a: [1, { b: 'c' }] } }],
      sentAt: 'x',
    });
    const bytes = AcceptRequest.encode(request).finish();
    const whole = readAcceptRequest(bytes, 1);
    for (let length = 1; length < bytes.length; length++) {
      let read: unknown;
      try {
        read = readAcceptRequest(bytes.subarray(0, length), 1);
      } catch (thrown) {
        read = thrown;
      }
      expect(read).not.toEqual(whole);
    }
  });
});
