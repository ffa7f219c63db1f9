import proxy from '@fastify/http-proxy';
import type { FastifyInstance } from 'fastify';
import { Agent, fetch, type RequestInit } from 'undici';
import { messageOf } from '@rapport/kernel';
import { clientAddress, createHttpServer, loopbackHostOnly, type Tls } from '@rapport/service-host';
import type { Listening } from './supervised-process.js';

/** Services by the first parts of their routes; in the embedded form one process answers them all. */
const routes: Readonly<Record<string, readonly string[]>> = {
  ingestion: [
    ...[
      'identify',
      'track',
      'page',
      'screen',
      'group',
      'alias',
      'batch',
      'import',
      'pixel',
      'projects',
      'rejected',
    ].map((name) => `/v1/${name}`),
    ...['i', 't', 'p', 's', 'g', 'a', 'b', 'm'].map((letter) => `/v1/${letter}`),
  ],
  identity: ['/v1/identity'],
  profiles: ['/v1/people', '/v1/segments', '/v1/digest', '/v1/export'],
  'model-serving': ['/v2'],
  orchestrator: [
    '/v1/decide',
    '/v1/decisions',
    '/v1/tactics',
    '/v1/messages',
    '/v1/mail',
    '/v1/unsubscribe',
    '/mail',
  ],
};

/** What every process answers alike. */
const everyService = ['/v1/tokens', '/v1/audit'];

export interface GatewayOptions {
  /** Told of a fault of the gateway itself, as text for people. */
  readonly onBug?: (text: string) => void;
  /** Ready replicas of a service, now. */
  readonly replicasOf: (service: string) => readonly Listening[];
  /** Services that must answer for the whole to be ready, in the order in which an event goes through them. */
  readonly services: readonly string[];
  /** With what the gateway shows who it is, and whose certificates it believes of the services. Absent: no TLS. */
  readonly tls?: Tls | undefined;
  /** What the services get: names that this address may be called by. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Proxies before the gateway whose X-Forwarded-For is believed. Default none. */
  readonly trustedProxies?: readonly string[];
}

interface ProcessAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** What a process is asked to do with its clock. */
interface ClockRequest {
  readonly advanceTo?: unknown;
  /** False: moves the clock and does not wait. */
  readonly settle?: boolean;
}

const nobodyReady: ProcessAnswer = {
  status: 503,
  body: { error: { code: 'GATEWAY_NOT_READY', message: 'no process is ready; try again in a second' } },
};

const refusalOf = (answers: readonly ProcessAnswer[]): ProcessAnswer | undefined =>
  answers.find(({ status }) => status !== 200);

/**
 * One HTTP address in front of the service processes, so that what works embedded works unchanged on a cluster. It tells
 * them the client's address in X-Forwarded-For: the one that it has itself made out, in place of what came in.
 */
export async function createGateway(options: GatewayOptions): Promise<FastifyInstance> {
  const { tls } = options;
  const http = createHttpServer((thrown) => options.onBug?.(`the gateway failed: ${messageOf(thrown)}\n`), {
    trustedProxies: options.trustedProxies ?? [],
    tls,
  });
  const connect = tls?.ca === undefined ? {} : { ca: tls.ca };
  const dispatcher = new Agent({ connect });
  http.addHook('onClose', () => dispatcher.close());
  // The services see the gateway's name for them: what they ask of a Host header is asked here.
  const checkHost = loopbackHostOnly({ loopback: true, environment: options.environment ?? {} });
  http.addHook('onRequest', async (request, reply) => {
    if (request.url.startsWith('/mail')) await checkHost(request, reply);
  });
  const turns = new Map<string, number>();
  const next = (service: string): string => {
    const replicas = options.replicasOf(service);
    const turn = ((turns.get(service) ?? -1) + 1) % Math.max(1, replicas.length);
    turns.set(service, turn);
    return replicas[turn]?.httpUrl ?? '';
  };
  const [first = ''] = options.services;
  for (const [service, prefixes] of [...Object.entries(routes), [first, everyService] as const]) {
    for (const prefix of prefixes) {
      await http.register(proxy, {
        upstream: '',
        prefix,
        rewritePrefix: prefix,
        // As many as come in: who holds one open keeps nobody from another.
        undici: { connections: null, pipelining: 1, connect },
        replyOptions: {
          getUpstream: () => next(service),
          onError: (reply, { error }) => {
            const status = (error as { statusCode?: number }).statusCode ?? 502;
            const message = `${service} did not answer (${messageOf(error)}); what was asked may have been done, try again`;
            void reply
              .code(status)
              .header('retry-after', '1')
              .send({ error: { code: 'GATEWAY_NO_ANSWER', message } });
          },
          rewriteRequestHeaders: (request, headers) => ({
            ...headers,
            'x-forwarded-for': clientAddress(request),
            'x-forwarded-host': request.host,
            'x-forwarded-proto': request.protocol,
          }),
        },
        preHandler: (_request, reply, done) => {
          if (options.replicasOf(service).length > 0) return done();
          const message = `${service} is not ready; try again in a second`;
          void reply
            .code(503)
            .header('retry-after', '1')
            .send({ error: { code: 'GATEWAY_NOT_READY', message } });
        },
      });
    }
  }
  const askReplicas = async (service: string, path: string, init: RequestInit): Promise<ProcessAnswer[]> =>
    await Promise.all(
      options.replicasOf(service).map(async ({ httpUrl }) => {
        const answer = await fetch(httpUrl + path, { ...init, dispatcher });
        return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
      }),
    );
  const everywhere = async (path: string, init: RequestInit): Promise<ProcessAnswer[]> =>
    (await Promise.all(options.services.map((service) => askReplicas(service, path, init)))).flat();
  // A room's timers count on everything being through the rooms before it: a purchase is known before a reminder is due.
  const roomByRoom = async (path: string, init: RequestInit): Promise<ProcessAnswer[]> => {
    const answers: ProcessAnswer[] = [];
    for (const service of options.services) answers.push(...(await askReplicas(service, path, init)));
    return answers;
  };

  http.get('/healthz', () => ({ status: 'alive' }));
  http.get('/readyz', async (_request, reply) => {
    const absent = options.services
      .filter((service) => options.replicasOf(service).length === 0)
      .map((service) => `${service}: no process is ready`);
    const answers = await everywhere('/readyz', {});
    const waiting = [
      ...absent,
      ...answers.flatMap(({ body }) => (body['waiting'] as string[] | undefined) ?? []),
    ];
    if (waiting.length > 0) reply.code(503);
    return waiting.length > 0 ? { status: 'waiting', waiting } : { status: 'ready' };
  });
  http.get('/v1/status', async (request, reply) => {
    const answers = await everywhere('/v1/status', {
      headers: { authorization: request.headers.authorization ?? '' },
    });
    const refused = refusalOf(answers);
    if (refused) return await reply.code(refused.status).send(refused.body);
    const together = (part: string): object =>
      Object.assign({}, ...answers.map(({ body }) => body[part])) as object;
    const parts = { rejected: together('rejected'), lags: together('lags') };
    return Object.assign({}, ...answers.map(({ body }) => body), parts) as Record<string, unknown>;
  });
  // Each process tells its own doors; roles and actions are the same in all.
  http.get('/v1/access', async (request, reply) => {
    const answers = await everywhere('/v1/access', {
      headers: { authorization: request.headers.authorization ?? '' },
    });
    const refused = refusalOf(answers);
    if (refused) return await reply.code(refused.status).send(refused.body);
    const doors = answers.flatMap(({ body }) => (body['doors'] ?? []) as { door: string }[]);
    const once = new Map(doors.map((door) => [door.door, door]));
    return { ...answers[0]?.body, doors: [...once.values()] };
  });
  // Where virtual time stands. Who missed it, or started since, is told before anything settles.
  let standsAtMs = -Infinity;
  http.post<{ Body: { advanceTo?: unknown } | null }>('/v1/clock', async (request, reply) => {
    const headers = {
      authorization: request.headers.authorization ?? '',
      'content-type': 'application/json',
    };
    const clock = (body: ClockRequest): [string, RequestInit] => [
      '/v1/clock',
      { method: 'POST', headers, body: JSON.stringify(body) },
    ];
    // All clocks before any room settles: what a room with the new time writes must not meet one with the old time.
    const move = (advanceTo: unknown): Promise<ProcessAnswer[]> =>
      everywhere(...clock({ advanceTo, settle: false }));
    const settle = async (): Promise<ProcessAnswer> => {
      for (;;) {
        if (standsAtMs > -Infinity) await move(new Date(standsAtMs).toISOString());
        const answers = await roomByRoom(...clock({}));
        const [answer] = answers;
        const refused = refusalOf(answers);
        if (refused !== undefined || answer === undefined) return refused ?? nobodyReady;
        const written = new Set(answers.map((answer) => answer.body['written']));
        // Each has settled with the topics as it tells. Topics only grow: told the same, nobody wrote while others settled.
        if (written.size === 1) return answer;
      }
    };
    const advance = async (advanceTo: unknown): Promise<ProcessAnswer> => {
      // What is no instant is not later than any, and refused by those who are asked.
      const instantMs = typeof advanceTo === 'string' ? Date.parse(advanceTo) : NaN;
      if (instantMs > standsAtMs) standsAtMs = instantMs;
      return refusalOf(await move(advanceTo)) ?? (await settle());
    };
    const settled = await settle();
    const wanted = request.body?.advanceTo;
    const answer = settled.status === 200 && wanted !== undefined ? await advance(wanted) : settled;
    return await reply.code(answer.status).send(answer.body);
  });
  return http;
}
