import {
  credentials,
  makeGenericClientConstructor,
  Metadata,
  status,
  type Client,
  type ServiceError,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ingestionProto } from '@rapport/contracts';
import { cloudEventHeaders, encodeJson, rejectRecords, topics } from '@rapport/contracts';
import { serviceDefinition } from '@rapport/service-host';
import { apiToken, startIngestion, writeKey, type RunningIngestion } from '../fixtures/running-ingestion.js';

type Accepting = ingestionProto.AcceptRequest;
let ingestion: RunningIngestion;
let client: Client;
beforeAll(async () => {
  ingestion = await startIngestion();
  const ClientOf = makeGenericClientConstructor(
    serviceDefinition(ingestionProto.IngestionServiceDefinition),
    'IngestionService',
  );
  client = new ClientOf(ingestion.running.grpcAddress, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await ingestion.stop();
});

const path = (method: string): string => `/rapport.ingestion.v1.IngestionService/${method}`;
const event = (messageId: string, more: Partial<ingestionProto.Event> = {}): ingestionProto.Event =>
  ingestionProto.Event.fromPartial({
    type: 'track',
    messageId,
    userId: 'u1',
    event: 'Product Viewed',
    ...more,
  });

function call<Request, Response>(
  method: string,
  request: Request,
  codec: { encode(message: Request): { finish(): Uint8Array } },
  answerCodec: { decode(bytes: Uint8Array): Response },
  metadata: Record<string, string> = {},
): Promise<Response> {
  const sent = new Metadata();
  for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path(method),
      (message: Request) => Buffer.from(codec.encode(message).finish()),
      (bytes: Buffer) => answerCodec.decode(bytes),
      request,
      sent,
      { deadline: Date.now() + 10_000 },
      (error: ServiceError | null, answer?: Response) =>
        error ? reject(error) : resolve(answer as Response),
    );
  });
}
const keyed = { 'x-write-key': writeKey };
const accept = (request: Partial<Accepting>, metadata: Record<string, string> = keyed) =>
  call(
    'Accept',
    ingestionProto.AcceptRequest.fromPartial(request),
    ingestionProto.AcceptRequest,
    ingestionProto.AcceptResponse,
    metadata,
  );
const bearer = { authorization: `Bearer ${apiToken}` };
const listRejected = (request: Partial<ingestionProto.ListRejectedRequest> = {}) =>
  call(
    'ListRejected',
    ingestionProto.ListRejectedRequest.fromPartial(request),
    ingestionProto.ListRejectedRequest,
    ingestionProto.ListRejectedResponse,
    bearer,
  );
const replay = (ids: string[]) =>
  call(
    'ReplayRejected',
    { ids },
    ingestionProto.ReplayRejectedRequest,
    ingestionProto.ReplayRejectedResponse,
    bearer,
  );

describe('Accept', () => {
  it('takes events with the key in the metadata, a verdict for each; a key in the request then names the source', async () => {
    const properties = { price: 12.5, tags: ['new'], nested: { a: null } };
    const { results } = await accept({
      events: [
        event('grpc-1', { properties, context: { timezone: 'Europe/Vienna' } }),
        event('grpc-2', { userId: '' }),
      ],
    });
    expect(results).toEqual([
      { messageId: 'grpc-1', accepted: true, code: '', detail: '' },
      expect.objectContaining({ messageId: 'grpc-2', accepted: false, code: 'INGESTION_ID_MISSING' }),
    ]);
    await accept({ events: [event('grpc-3')] }, { 'x-write-key': 'def456' });
    await accept({ events: [event('grpc-4')], writeKey: 'def456' }, { authorization: `Bearer ${apiToken}` });
    const accepted = await ingestion.accepted();
    expect(accepted.find(({ messageId }) => messageId === 'grpc-1')).toMatchObject({
      source: 'web',
      origin: 'user_id:u1',
      properties,
      context: { timezone: 'Europe/Vienna' },
    });
    for (const id of ['grpc-3', 'grpc-4'])
      expect(accepted.find(({ messageId }) => messageId === id)?.source).toBe('mobile');
  });

  it('says UNAUTHENTICATED and INVALID_ARGUMENT with codes', async () => {
    // A key in the request alone comes too late: it would have to be read first.
    for (const request of [{ events: [] }, { writeKey }])
      await expect(accept(request, {})).rejects.toMatchObject({
        code: status.UNAUTHENTICATED,
        details: expect.stringContaining('INGESTION_WRITE_KEY_MISSING'),
      });
    for (const metadata of [keyed, { authorization: `Bearer ${apiToken}` }, { 'x-write-key': 'nobody' }])
      await expect(accept({ writeKey: 'nobody' }, metadata)).rejects.toMatchObject({
        code: status.UNAUTHENTICATED,
        details: expect.stringContaining('INGESTION_WRITE_KEY_UNKNOWN'),
      });
    const events = Array.from({ length: 2501 }, (_, index) => event(`many-${index}`));
    await expect(accept({ events })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('expected at most 2500'),
    });
  });

  it('measures events', async () => {
    const { results } = await accept({
      events: [event('grpc-large', { properties: { note: 'x'.repeat(33_000) } })],
    });
    expect(results[0]?.code).toBe('INGESTION_EVENT_TOO_LARGE');
  });
});

describe('AcceptStream', () => {
  const open = (metadata = Metadata.fromHttp2Headers(keyed)) =>
    client.makeBidiStreamRequest<Accepting, ingestionProto.AcceptStreamResponse>(
      path('AcceptStream'),
      (message) => Buffer.from(ingestionProto.AcceptStreamRequest.encode(message).finish()),
      (bytes) => ingestionProto.AcceptStreamResponse.decode(bytes),
      metadata,
    );

  it('answers each request in its order, also many at once', async () => {
    const stream = open();
    const answered: string[] = [];
    stream.on('data', (answer: ingestionProto.AcceptStreamResponse) =>
      answered.push(...answer.results.map(({ messageId }) => messageId)),
    );
    const ids = Array.from({ length: 200 }, (_, index) => `stream-${index}`);
    for (const id of ids)
      stream.write(ingestionProto.AcceptStreamRequest.fromPartial({ events: [event(id)] }));
    stream.end();
    await new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
    expect(answered).toEqual(ids);
    const accepted = (await ingestion.accepted()).map(({ messageId }) => messageId);
    expect(accepted).toEqual(expect.arrayContaining(ids));
  });

  it('answers a client that waits for each answer', async () => {
    const stream = open();
    for (let turn = 0; turn < 3; turn++) {
      const answer = new Promise<ingestionProto.AcceptStreamResponse>((resolve) =>
        stream.once('data', resolve),
      );
      // The key of the first request holds for those behind it.
      stream.write(
        ingestionProto.AcceptStreamRequest.fromPartial({
          writeKey: turn === 0 ? 'def456' : '',
          events: [event(`lockstep-${turn}`)],
        }),
      );
      expect((await answer).results[0]?.messageId).toBe(`lockstep-${turn}`);
    }
    stream.end();
    await new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
  });

  it('ends with the reason when a key is wrong', async () => {
    const stream = open();
    stream.on('data', () => undefined);
    const ended = new Promise<ServiceError>((resolve) => stream.on('error', resolve));
    stream.write(
      ingestionProto.AcceptStreamRequest.fromPartial({ writeKey: 'nobody', events: [event('x')] }),
    );
    await expect(ended).resolves.toMatchObject({ code: status.UNAUTHENTICATED });
  });
});

describe('rejected events', () => {
  it('are listed newest first, by code, and with their original', async () => {
    for (const id of ['list-1', 'list-2']) await accept({ events: [event(id, { event: '' })] });
    const { records } = await listRejected({ code: 'INGESTION_FIELD_MISSING' });
    const originals = records.map(
      ({ original }) => (JSON.parse(original) as { messageId: string }).messageId,
    );
    expect(originals.slice(0, 2).sort()).toEqual(['list-1', 'list-2']);
    expect(new Set(records.map(({ code }) => code))).toEqual(new Set(['INGESTION_FIELD_MISSING']));
    expect(records[0]).toMatchObject({
      stage: 'ingestion',
      source: 'web',
      id: expect.stringMatching(/^\d+-\d+$/),
    });
    expect((await listRejected({ limit: 1 })).records).toHaveLength(1);
  });

  it('are replayed with the time and the key that they came with, and stay as they are when still wrong', async () => {
    const sentAt = '2026-03-01T10:00:05.000Z';
    await accept({
      sentAt,
      events: [event('replay-1', { type: 'bogus', timestamp: '2026-03-01T10:00:00.000Z' })],
    });
    const [record] = (await listRejected({ code: 'INGESTION_TYPE_UNKNOWN' })).records;
    const before = (await ingestion.rejected()).length;
    const still = await replay([record?.id ?? '', '0-999999', 'nonsense']);
    expect(still.results.map(({ code }) => code)).toEqual([
      'INGESTION_TYPE_UNKNOWN',
      'INGESTION_REPLAY_UNKNOWN',
      'INGESTION_REPLAY_UNKNOWN',
    ]);
    expect((await ingestion.rejected()).length).toBe(before);

    // Somebody mends the door: here, by putting a record there that it takes today.
    const rejectedAt = '2026-03-01T12:00:06.000Z';
    const [position] = await ingestion.running.host.log.append(topics.rejected.name, [
      {
        key: 'replay-2',
        value: encodeJson({
          messageId: 'replay-2',
          stage: 'ingestion',
          code: 'INGESTION_PLAN_VIOLATION',
          detail: '',
          source: 'web',
          rejectedAt,
          original: JSON.stringify({
            type: 'track',
            messageId: 'replay-2',
            userId: 'u1',
            event: 'x',
            sentAt,
            timestamp: '2026-03-01T10:00:00.000Z',
          }),
        }),
        headers: cloudEventHeaders(topics.rejected.name, 'replay-2', rejectedAt),
      },
    ]);
    const id = `${position?.partition}-${position?.offset}`;
    for (let turn = 0; turn < 2; turn++) {
      expect((await replay([id])).results).toEqual([
        { messageId: 'replay-2', accepted: true, code: '', detail: '' },
      ]);
    }
    const replayed = (await ingestion.accepted()).filter(({ messageId }) => messageId === 'replay-2');
    // Both have one messageId, one origin, one time: what comes behind counts them once.
    expect(new Set(replayed.map(({ timestamp, origin }) => `${origin} ${timestamp}`))).toEqual(
      new Set(['user_id:u1 2026-03-01T12:00:01.000Z']),
    );
  });

  it('go back as they were when another room had refused them', async () => {
    const original = {
      type: 'track',
      messageId: 'readmit-1',
      origin: 'user_id:u9',
      identifiers: ['user_id:u9'],
      event: 'x',
      timestamp: '2026-03-01T10:00:00.000Z',
      receivedAt: '2026-03-01T10:00:01.000Z',
      source: 'app',
    };
    const [position] = await ingestion.running.host.log.append(topics.rejected.name, [
      {
        key: 'readmit-1',
        value: encodeJson({
          messageId: 'readmit-1',
          stage: 'identity',
          code: 'IDENTITY_RETRIES_EXHAUSTED',
          detail: '',
          rejectedAt: '2026-03-01T10:00:02.000Z',
          original: JSON.stringify(original),
        }),
      },
    ]);
    await replay([`${position?.partition}-${position?.offset}`]);
    expect((await ingestion.accepted()).find(({ messageId }) => messageId === 'readmit-1')).toEqual(original);
  });

  it('are put back to their topic, under their key, when they are no events; listed once, though refused twice', async () => {
    const { log } = ingestion.running.host;
    const original = JSON.stringify({
      messageId: 'm_back',
      profileId: 'p_back',
      channel: 'email',
      tactic: 't',
      variant: 'v',
      decisionId: 'd',
      to: 'a@b.example',
      content: {},
      requestedAt: '2026-03-01T10:00:00.000Z',
    });
    const position = { topic: topics.messagesRequested.name, partition: 0, offset: 99 };
    const refusal = { code: 'RECORD_UNPROCESSABLE', detail: '', key: 'p_back', position };
    for (const nowMs of [Date.parse('2026-03-01T10:00:01Z'), Date.parse('2026-03-01T10:00:02Z')])
      await rejectRecords(log, 'deliver', [{ ...refusal, original, messageId: 'm_back' }], nowMs);
    const { records } = await listRejected({ stage: 'deliver' });
    expect(records).toMatchObject([
      { place: 'messages.requested.v1/0/99', key: 'p_back', messageId: 'm_back', stage: 'deliver' },
    ]);
    const id = records[0]?.id ?? '';
    expect((await listRejected({ id })).records).toEqual(records);
    expect((await replay([id])).results).toMatchObject([{ messageId: 'm_back', accepted: true }]);
    const partition = log.partitionOf(position.topic, 'p_back');
    const [back] = await log.read(position.topic, partition, 0, 10);
    expect([back?.key, Buffer.from(back?.value ?? []).toString('utf8')]).toEqual(['p_back', original]);
    await rejectRecords(
      log,
      'journeys',
      [{ ...refusal, code: 'X', original: '', document: { collection: 'c', id: 'i' } }],
      0,
    );
    const [stored] = (await listRejected({ stage: 'journeys' })).records;
    expect((await replay([stored?.id ?? ''])).results[0]?.code).toBe('INGESTION_REPLAY_INCOMPLETE');
  });

  it('are not replayed when the original is not whole', async () => {
    await ingestion.post('/v1/batch', '{"batch":[');
    const [record] = (await listRejected({ code: 'INGESTION_JSON_MALFORMED' })).records;
    expect((await replay([record?.id ?? ''])).results[0]?.code).toBe('INGESTION_REPLAY_INCOMPLETE');
  });
});
