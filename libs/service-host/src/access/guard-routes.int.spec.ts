import { afterEach, describe, expect, it } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import { systemClock } from '@rapport/kernel';
import { accessProto } from '@rapport/contracts';
import { GrpcServer } from '../grpc-server.js';
import { createHttpServer } from '../http-server.js';
import { AuditLog } from './audit-log.js';
import { Gate } from './gate.js';
import { guardRoutes } from './guard-routes.js';

const gate = new Gate({ credentials: { apiToken: 'right' } });
const right = { authorization: 'Bearer right' };
let http: FastifyInstance;
afterEach(() => http.close());

describe('a route', () => {
  it.each([
    ['nothing', undefined],
    ['an action that there is not', { action: 'rule' }],
    ['an action and that it is open', { action: 'operate', open: 'why' }],
    ['open without a reason', { open: '' }],
  ])('that declares %s stops the start', async (_, config) => {
    http = createHttpServer(() => undefined);
    guardRoutes(http, { gate });
    await expect(
      http.register(async (scope) => {
        scope.get(
          '/somewhere',
          { ...(config === undefined ? {} : { config: config as object }) },
          () => 'let in',
        );
      }),
    ).rejects.toMatchObject({ code: 'ROUTE_ACCESS_UNDECLARED' });
  });

  it('is judged before its body is read', async () => {
    http = createHttpServer(() => undefined);
    guardRoutes(http, { gate });
    let parsed = 0;
    http.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) => {
      parsed++;
      done(null, body);
    });
    http.post('/somewhere', { config: { action: 'operate' } }, () => 'let in');
    const url = await http.listen({ host: '127.0.0.1', port: 0 });
    const ask = (headers: Record<string, string>) =>
      fetch(`${url}/somewhere`, {
        method: 'POST',
        headers: { 'content-type': 'text/plain', ...headers },
        body: 'x',
      });
    expect((await ask({})).status).toBe(401);
    expect((await ask({ authorization: 'Bearer wrong' })).status).toBe(401);
    expect(parsed).toBe(0);
    expect(await (await ask(right)).text()).toBe('let in');
    expect(parsed).toBe(1);
  });

  it('that changes something does not, where the audit log cannot be written; one that reads goes on', async () => {
    const done: string[] = [];
    let lost = 0;
    const full = (): Promise<never> => Promise.reject(new Error('the disk is full'));
    const audit = new AuditLog({
      log: { append: full, bounds: full, read: full },
      clock: systemClock,
      onLost: (entries) => (lost += entries),
    });
    http = createHttpServer(() => undefined);
    guardRoutes(http, { gate, audit });
    http.post('/change', { config: { action: 'privacy.erase' } }, () => done.push('change'));
    http.get('/read/:person', { config: { action: 'people.read' } }, () => 'read');
    const url = await http.listen({ host: '127.0.0.1', port: 0 });
    const changed = await fetch(`${url}/change`, { method: 'POST', headers: right });
    expect([changed.status, ((await changed.json()) as { error: { code: string } }).error.code]).toEqual([
      503,
      'AUDIT_UNAVAILABLE',
    ]);
    expect(done).toEqual([]);
    expect(await (await fetch(`${url}/read/user_id:42`, { headers: right })).text()).toBe('read');
    await audit.flush();
    // The refused change and the read.
    expect(lost).toBe(2);
  });
});

describe('an RPC', () => {
  it('that declares nothing stops the start', () => {
    http = createHttpServer(() => undefined);
    const bind = (access: object): GrpcServer =>
      new GrpcServer({
        bindings: [
          {
            contract: accessProto.AccessServiceDefinition,
            implementation: {},
            access: access as Record<string, 'operate'>,
          },
        ],
        gate,
        maxInFlightBytes: 1,
        messageTimeoutMs: 1,
        writeTimeoutMs: 1,
        onBug: () => undefined,
      });
    const all = Object.fromEntries(
      Object.keys(accessProto.AccessServiceDefinition.methods).map((key) => [key, 'operate']),
    );
    expect(bind(all).doors).toHaveLength(5);
    for (const key of Object.keys(all))
      expect(() => bind({ ...all, [key]: undefined })).toThrow(`AccessService.${key}: it declares no action`);
  });
});
