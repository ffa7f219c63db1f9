import { credentials, Metadata, status, Client, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import protobuf from 'protobufjs';
import { startPlatform, type TestPlatform } from '@rapport/testing';
import { Reflection } from './reflection-client.js';

/** Calls a method that is known from its descriptor alone. */
async function call(
  client: Client,
  types: protobuf.NamespaceBase,
  service: string,
  method: string,
  request: object,
  more: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const { requestType, responseType } = types.lookupService(service).methods[method] as protobuf.Method;
  const In = types.lookupType(requestType);
  const Out = types.lookupType(responseType);
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${platform.apiToken}`);
  for (const [key, value] of Object.entries(more)) metadata.set(key, value);
  return await new Promise((resolve, reject) => {
    client.makeUnaryRequest<object, protobuf.Message>(
      `/${service}/${method}`,
      (message) => Buffer.from(In.encode(In.fromObject(message)).finish()),
      (bytes) => Out.decode(bytes),
      request,
      metadata,
      { deadline: Date.now() + 20_000 },
      (error: ServiceError | null, answer?: protobuf.Message) =>
        error || answer === undefined
          ? reject(error ?? new Error('no answer'))
          : resolve(Out.toObject(answer, { defaults: true, enums: String, longs: Number })),
    );
  });
}

/** Asks again until the answer is the one that is waited for; what was accepted takes a moment to reach the person. */
async function until<T>(ask: () => Promise<T>, isIt: (answer: T) => boolean): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const answer = await ask().catch((error: unknown) => error);
    if (!(answer instanceof Error) && isIt(answer as T)) return answer as T;
    if (performance.now() > deadline)
      throw new Error(
        `waited in vain; the last answer was ${answer instanceof Error ? answer.message : JSON.stringify(answer)}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

let platform: TestPlatform;
let client: Client;
beforeAll(async () => {
  platform = await startPlatform();
  client = new Client(platform.grpcAddress, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await platform.stop();
});

const ingestion = 'rapport.ingestion.v1.IngestionService';
const everyService = [
  'grpc.health.v1.Health',
  'inference.GRPCInferenceService',
  'rapport.access.v1.AccessService',
  'rapport.identity.v1.IdentityService',
  ingestion,
  'rapport.models.v1.ModelsService',
  'rapport.orchestrator.v1.DecisionsService',
  'rapport.orchestrator.v1.JourneysService',
  'rapport.orchestrator.v1.MessagesService',
  'rapport.profiles.v1.ProfilesService',
];

describe.each(['v1', 'v1alpha'] as const)('reflection %s', (version) => {
  it('names every service, and describes each down to its last type', async () => {
    const reflection = new Reflection(client, version);
    const services = await reflection.services();
    expect(services).toEqual(
      expect.arrayContaining(everyService.filter((name) => name !== 'grpc.health.v1.Health')),
    );
    for (const service of services.filter((name) => !name.startsWith('grpc.'))) {
      const types = await reflection.typesOf(service);
      expect(types.lookupService(service).methodsArray.length).toBeGreaterThan(0);
    }
    expect(
      (await reflection.ask({ fileContainingSymbol: 'rapport.nothing.v1.Nothing' })).errorResponse?.errorCode,
    ).toBe(status.NOT_FOUND);
    reflection.close();
  });

  it('is enough to send an event and to read the person', async () => {
    const reflection = new Reflection(client, version);
    const types = await reflection.typesOf(ingestion);
    const userId = `known-by-${version}`;
    // In a descriptor fields have their proto names, and a map is a list of entries, as on the wire.
    const text = (value: string) => ({ string_value: value });
    const answer = await call(
      client,
      types,
      ingestion,
      'Accept',
      {
        events: [
          {
            type: 'identify',
            message_id: `${version}-1`,
            user_id: userId,
            traits: { fields: [{ key: 'plan', value: text('pro') }] },
          },
          { type: 'track', message_id: `${version}-2`, user_id: userId },
        ],
      },
      { 'x-write-key': platform.writeKey },
    );
    expect(answer['results']).toEqual([
      { message_id: `${version}-1`, accepted: true, code: '', detail: '' },
      expect.objectContaining({
        message_id: `${version}-2`,
        accepted: false,
        code: 'INGESTION_FIELD_MISSING',
      }),
    ]);
    const rejected = await call(client, types, ingestion, 'ListRejected', {
      code: 'INGESTION_FIELD_MISSING',
      limit: 1,
    });
    expect(rejected['records']).toEqual([
      expect.objectContaining({ stage: 'ingestion', code: 'INGESTION_FIELD_MISSING' }),
    ]);

    const profiles = 'rapport.profiles.v1.ProfilesService';
    const profileTypes = await reflection.typesOf(profiles);
    const { requestType } = profileTypes.lookupService(profiles).methods['GetProfile'] as protobuf.Method;
    const [personField] = profileTypes.lookupType(requestType).fieldsArray;
    const person = await until(
      () =>
        call(client, profileTypes, profiles, 'GetProfile', {
          [personField?.name ?? '']: `user_id:${userId}`,
        }),
      (answer) => JSON.stringify(answer).includes('pro'),
    );
    expect(JSON.stringify(person)).toContain(userId);
    reflection.close();
  });
});

describe('health', () => {
  const healthTypes = protobuf
    .parse(
      `
    syntax = "proto3"; package grpc.health.v1;
    message HealthCheckRequest { string service = 1; }
    message HealthCheckResponse { enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; } ServingStatus status = 1; }
    service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); rpc Watch(HealthCheckRequest) returns (stream HealthCheckResponse); }
  `,
    )
    .root.resolveAll();
  const check = (service: string) => call(client, healthTypes, 'grpc.health.v1.Health', 'Check', { service });
  const watch = (service: string) => {
    const In = healthTypes.lookupType('grpc.health.v1.HealthCheckRequest');
    const Out = healthTypes.lookupType('grpc.health.v1.HealthCheckResponse');
    const stream = client.makeServerStreamRequest<object, { status: number }>(
      '/grpc.health.v1.Health/Watch',
      (message) => Buffer.from(In.encode(In.fromObject(message)).finish()),
      (bytes) => ({ status: Out.toObject(Out.decode(bytes), { defaults: true })['status'] as number }),
      { service },
    );
    stream.on('error', () => undefined);
    return stream;
  };

  it('is SERVING for the server and each of its services, NOT_FOUND for a stranger', async () => {
    for (const service of ['', ...everyService.filter((name) => name !== 'grpc.health.v1.Health')]) {
      expect([service, await check(service)]).toEqual([service, { status: 'SERVING' }]);
    }
    await expect(check('rapport.nothing.v1.Nothing')).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it('is told at once by Watch, also for a stranger', async () => {
    for (const [service, expected] of [
      ['', 1],
      ['rapport.nothing.v1.Nothing', 3],
    ] as const) {
      const stream = watch(service);
      const first = await new Promise<{ status: number }>((resolve) => stream.once('data', resolve));
      expect(first.status).toBe(expected);
      stream.cancel();
    }
  });

  it('turns to NOT_SERVING before a stop', async () => {
    const leaving = await startPlatform();
    const other = new Client(leaving.grpcAddress, credentials.createInsecure());
    const seen: number[] = [];
    const Out = healthTypes.lookupType('grpc.health.v1.HealthCheckResponse');
    const stream = other.makeServerStreamRequest<object, number>(
      '/grpc.health.v1.Health/Watch',
      () => Buffer.alloc(0),
      (bytes) => Out.toObject(Out.decode(bytes), { defaults: true })['status'] as number,
      {},
    );
    stream.on('error', () => undefined);
    const first = new Promise<void>((resolve) => stream.once('data', () => resolve()));
    const turned = new Promise<void>((resolve) => {
      stream.on('data', (state: number) => {
        seen.push(state);
        if (state === 2) resolve();
      });
    });
    await first;
    const stopped = leaving.stop();
    await turned;
    stream.cancel();
    await stopped;
    expect(seen.slice(0, 2)).toEqual([1, 2]);
    other.close();
  });
});
