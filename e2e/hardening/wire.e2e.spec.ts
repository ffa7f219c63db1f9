import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect, constants, type ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Client, credentials, status as GrpcStatus } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPlatform, type TestPlatform } from '@rapport/testing';
import { Reflection } from '../reflection-client.js';

const dataDir = mkdtempSync(join(tmpdir(), 'rapport-wire-'));
let platform: TestPlatform;
let session: ClientHttp2Session;
beforeAll(async () => {
  const environment = { RAPPORT_PROFILES_MAX_WATCHERS: '3', RAPPORT_PUBLIC_URL: 'https://shop.example' };
  platform = await startPlatform({ dataDir, environment });
  session = connect(`http://${platform.grpcAddress}`);
});
afterAll(async () => {
  session.destroy();
  await platform.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const frame = (bytes: Uint8Array, flag = 0, length = bytes.length): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
};

interface Answer {
  readonly status: number;
  readonly details: string;
  readonly code: string;
}

/** Sends a body to an RPC, and answers what the call ended with. */
const send = (
  path: string,
  body: Uint8Array,
  headers: Record<string, string> = {},
  ends = true,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    let told: Record<string, unknown> = {};
    for (const event of ['response', 'trailers'] as const)
      stream.on(event, (more: Record<string, unknown>) => (told = { ...told, ...more }));
    stream.on('error', reject);
    stream.on('close', () =>
      resolve({
        status: Number(told['grpc-status']),
        details: decodeURI(String(told['grpc-message'])),
        code: String(told['rapport-code']),
      }),
    );
    stream.resume();
    if (ends) stream.end(body);
    else stream.write(body);
  });

const accept = '/rapport.ingestion.v1.IngestionService/Accept';
/** What the process has had in memory at most, MiB. */
const peakMiB = (): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${platform.process.pid}/status`, 'utf8'))?.[1]) / 1024;

describe('gRPC', () => {
  it('makes nothing of 24 KB that stand for 12.6 million events, with and without a key', async () => {
    const before = peakMiB();
    const empties = gzipSync(Buffer.alloc(2 * 12_600_000, Buffer.from([0x12, 0x00])), { level: 9 });
    expect(empties.length).toBeLessThan(26_000);
    const encoded = { 'grpc-encoding': 'gzip' };
    expect(await send(accept, frame(empties, 1), encoded)).toMatchObject({
      status: GrpcStatus.UNAUTHENTICATED,
      code: 'INGESTION_WRITE_KEY_MISSING',
    });
    expect(await send(accept, frame(empties, 1), { ...encoded, 'x-write-key': 'nobody' })).toMatchObject({
      status: GrpcStatus.UNAUTHENTICATED,
      code: 'INGESTION_WRITE_KEY_UNKNOWN',
    });
    const good = { 'x-write-key': platform.writeKey, authorization: `Bearer ${platform.apiToken}` };
    for (const path of [
      accept,
      '/rapport.models.v1.ModelsService/Score',
      '/rapport.profiles.v1.ProfilesService/BatchGetFeatures',
      '/inference.GRPCInferenceService/ModelInfer',
    ])
      expect(await send(path, frame(empties, 1), { ...encoded, ...good })).toMatchObject({
        status: GrpcStatus.INVALID_ARGUMENT,
        code: 'GRPC_MESSAGE_TOO_LARGE',
      });
    // An object for each would be 1.2 GB and more, each time.
    expect(peakMiB() - before).toBeLessThan(200);
  });

  it('takes no more of an endless body without a key than was under way', async () => {
    const before = session.socket.bytesWritten;
    const answer = await send(accept, frame(Buffer.alloc(1 << 20), 0, 1 << 30), {}, false);
    expect(answer.status).toBe(GrpcStatus.UNAUTHENTICATED);
    expect(session.socket.bytesWritten - before).toBeLessThan(1 << 20);
  });

  it('tells every broken request to every RPC as the fault of the client, in the one form', async () => {
    const client = new Client(platform.grpcAddress, credentials.createInsecure());
    const reflection = new Reflection(client, 'v1');
    const keys = { 'x-write-key': platform.writeKey, authorization: `Bearer ${platform.apiToken}` };
    const broken: readonly (readonly [string, Uint8Array, Record<string, string>])[] = [
      ['truncated', frame(Buffer.from([0x0a, 0x7f, 0x41])), {}],
      ['a wire type that is none', frame(Buffer.from([0x0f])), {}],
      ['a varint without end', frame(Buffer.alloc(20, 0xff)), {}],
      ['too large', frame(Buffer.alloc(0), 0, 0xffff_ffff), {}],
      ['no gzip', frame(Buffer.from('none'), 1), { 'grpc-encoding': 'gzip' }],
      ['an unknown encoding', frame(Buffer.from('none'), 1), { 'grpc-encoding': 'br' }],
      ['another content type', Buffer.from('{}'), { 'content-type': 'application/json' }],
      ['a timeout that is none', Buffer.alloc(0), { 'grpc-timeout': 'soon' }],
    ];
    let methods = 0;
    for (const service of (await reflection.services()).filter((name) => !name.startsWith('grpc.'))) {
      const types = await reflection.typesOf(service);
      for (const { name } of types.lookupService(service).methodsArray) {
        methods++;
        for (const [what, body, headers] of broken) {
          const { status, details, code } = await send(`/${service}/${name}`, body, { ...keys, ...headers });
          expect([GrpcStatus.INVALID_ARGUMENT, GrpcStatus.UNIMPLEMENTED, `${name}: ${what}`]).toContain(
            status,
          );
          expect(details).toMatch(/^[A-Z]+(_[A-Z]+)+: \S/);
          expect(details.split(':')[0]).toBe(code);
        }
      }
      expect(await send(`/${service}/Nothing`, Buffer.alloc(0), keys)).toMatchObject({
        status: GrpcStatus.UNIMPLEMENTED,
        code: 'RPC_UNKNOWN',
      });
    }
    expect(methods).toBeGreaterThan(35);
    reflection.close();
    client.close();
    expect(platform.output()).not.toContain('failed on a bug');
  });

  it('lets as many watch profiles as may', async () => {
    const watch = '/rapport.profiles.v1.ProfilesService/WatchProfiles';
    const open = Array.from({ length: 3 }, () => {
      const stream = session.request({
        ':method': 'POST',
        ':path': watch,
        'content-type': 'application/grpc',
        te: 'trailers',
        authorization: `Bearer ${platform.apiToken}`,
      });
      stream.on('error', () => undefined);
      stream.end(frame(Buffer.alloc(0)));
      return stream;
    });
    const token = { authorization: `Bearer ${platform.apiToken}` };
    expect(await send(watch, frame(Buffer.alloc(0)), token)).toMatchObject({
      status: GrpcStatus.RESOURCE_EXHAUSTED,
      code: 'PROFILES_WATCHERS_TOO_MANY',
    });
    for (const stream of open) stream.close(constants.NGHTTP2_CANCEL);
  });
});

describe('what asks for no token on loopback', () => {
  const get = (url: string, host: string): Promise<{ status: number | undefined; body: string }> =>
    new Promise((resolve, reject) => {
      httpRequest(url, { headers: { host } }, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode, body }));
      })
        .on('error', reject)
        .end();
    });

  it('answers to its own names and to no other: metrics and mails', async () => {
    for (const url of [platform.metricsUrl, `${platform.httpUrl}/mail`]) {
      for (const own of [new URL(url).host, 'localhost', 'shop.example'])
        expect(await get(url, own)).toMatchObject({ status: 200 });
      for (const other of ['evil.example', 'localhost.evil.example:9464', '10.1.2.3']) {
        const { status, body } = await get(url, other);
        expect([status, (JSON.parse(body) as { error: { code: string } }).error.code]).toEqual([
          403,
          'HOST_UNKNOWN',
        ]);
      }
    }
  });
});

describe('data.mdb cut short', () => {
  it('is said in one line at the start, for the log and for the store', async () => {
    await platform.stop();
    for (const [file, code] of [
      ['log/log', 'EVENT_LOG_DAMAGED'],
      ['store/documents', 'DOCUMENT_STORE_DAMAGED'],
    ] as const) {
      const path = join(dataDir, file, 'data.mdb');
      const whole = readFileSync(path);
      truncateSync(path, Math.floor(statSync(path).size / 2));
      await expect(startPlatform({ dataDir })).rejects.toThrow(
        new RegExp(`did not start: ${code}: [^\\n]*data\\.mdb: expected \\d+ bytes[^\\n]*\\n`),
      );
      writeFileSync(path, whole);
    }
  });
});
