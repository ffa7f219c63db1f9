import { readFileSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { runCli } from '@rapport/cli';
import { repositoryRoot, startPlatform, type TestPlatform } from '@rapport/testing';

const roles = ['read', 'decide', 'import', 'operate', 'admin'] as const;
interface Door {
  readonly door: string;
  readonly action: string;
  readonly open: string;
}
interface Made {
  readonly secret: string;
  readonly token: { readonly id: string; readonly name: string };
}
interface Entry {
  readonly id: string;
  readonly token: string;
  readonly action: string;
  readonly door: string;
  readonly subject: Readonly<Record<string, string>>;
  readonly outcome: string;
  readonly status: string;
  readonly address: string;
}
interface ErrorAnswer {
  readonly error: { readonly code: string; readonly message: string };
}

let platform: TestPlatform;
let client: Client;
const agent = new Agent({ keepAlive: true, maxSockets: 24 });
/** Secrets by who has them; everybody but `nobody` sends one. */
const secrets = new Map<string, string | undefined>();

beforeAll(async () => {
  platform = await startPlatform();
  client = new Client(platform.grpcAddress, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  agent.destroy();
  await platform.stop();
});

/** One HTTP request, whatever its answer. */
async function ask(
  method: string,
  path: string,
  secret: string | undefined,
  body?: unknown,
): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(platform.httpUrl);
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
    ...(text === undefined ? {} : { 'content-type': 'application/json' }),
  };
  return await new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, method, path, headers, agent }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: answer }));
    });
    request.once('error', reject).end(text);
  });
}

/** One RPC with one request, whatever its kind: on the wire they are all streams. The code of its end. */
async function call(path: string, secret: string | undefined, message: Buffer): Promise<status> {
  const metadata = new Metadata();
  if (secret !== undefined) metadata.set('authorization', `Bearer ${secret}`);
  return await new Promise((resolve) => {
    const stream = client.makeBidiStreamRequest<Buffer, Buffer>(
      path,
      (bytes) => bytes,
      (bytes) => bytes,
      metadata,
      { deadline: Date.now() + 20_000 },
    );
    stream.on('data', () => undefined);
    stream.on('error', () => undefined);
    stream.on('status', ({ code }: { code: status }) => resolve(code));
    stream.write(message);
    stream.end();
  });
}

const make = async (name: string, more: object): Promise<Made> => {
  const { status: code, body } = await platform.post<Made>('/v1/tokens', { name, ...more });
  expect([name, code]).toEqual([name, 201]);
  return body;
};
const tokensNow = async () =>
  (await platform.get<{ tokens: { id: string; name: string; state: string }[] }>('/v1/tokens')).body.tokens;
const audit = async (query: string) =>
  (await platform.get<{ entries: Entry[] }>(`/v1/audit?limit=1000&${query}`)).body.entries;

describe('who may do what', () => {
  let doors: readonly Door[];
  /** Roles by door, as docs/access.md says. */
  const table = new Map<string, readonly string[]>();

  beforeAll(async () => {
    doors = (await platform.get<{ doors: Door[] }>('/v1/access')).body.doors;
    const page = readFileSync(join(repositoryRoot, 'docs/access.md'), 'utf8');
    for (const [, door = '', who = ''] of page.matchAll(
      /^\| `((?:[A-Z]+ )?\/[^`]*)` \| [^|]* \| ([^|]*) \|$/gm,
    ))
      table.set(door, who === 'everybody' ? [who] : who.split(', '));
    for (const role of roles) secrets.set(role, (await make(`the-${role}`, { roles: [role] })).secret);
    secrets.set('expired', (await make('the-expired', { roles: ['admin'], expiresIn: '1ms' })).secret);
    const revoked = await make('the-revoked', { roles: ['admin'] });
    expect((await ask('DELETE', `/v1/tokens/${revoked.token.id}`, platform.apiToken)).status).toBe(200);
    secrets.set('revoked', revoked.secret);
    secrets.set('nobody', undefined);
    secrets.set('a guess', 'rap_a-guess-that-is-as-long-as-a-token');
    const states = new Map((await tokensNow()).map(({ name, state }) => [name, state]));
    expect([states.get('the-expired'), states.get('the-revoked')]).toEqual(['expired', 'revoked']);
  });

  it('is declared by every route of /openapi.json, every hidden one and every RPC of reflection, as the page says', async () => {
    const { body } = await platform.get<{ paths: Record<string, Record<string, unknown>> }>('/openapi.json');
    const public_ = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    );
    const rpcs = await reflected();
    const declared = doors.map(({ door }) => door);
    expect(rpcs.length).toBeGreaterThan(30);
    expect(public_.length).toBeGreaterThan(40);
    expect([...public_, ...rpcs].filter((door) => !declared.includes(door))).toEqual([]);
    expect(declared.filter((door) => door.startsWith('/')).sort()).toEqual([...rpcs].sort());
    expect(declared.filter((door) => !door.startsWith('HEAD ')).sort()).toEqual([...table.keys()].sort());
    for (const { action, open } of doors) expect((action === '') !== (open === '')).toBe(true);
  });

  it('holds at every door for everybody: no token, a wrong, an expired, a revoked one, and each role', async () => {
    const wrong: string[] = [];
    const judged = doors.flatMap(({ door, open }) =>
      [...secrets].map(([who, secret]) => async () => {
        const may = open !== '' || (table.get(door.replace(/^HEAD /, 'GET ')) ?? []).includes(who);
        const refusal = await refusalAt(door, secret);
        const expected = may
          ? 'let in'
          : (roles as readonly string[]).includes(who)
            ? 'forbidden'
            : 'not known';
        if (refusal !== expected) wrong.push(`${who} at ${door}: expected ${expected}, was ${refusal}`);
      }),
    );
    await Promise.all(
      Array.from({ length: 24 }, async () => {
        for (let next = judged.pop(); next !== undefined; next = judged.pop()) await next();
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('lets a good token in from where thousands of wrong ones come, and slows the wrong ones down', async () => {
    for (let tries = 0; tries < 20; tries++) await ask('GET', '/v1/segments', `wrong-${tries}`);
    const slowed = await ask('GET', '/v1/segments', 'wrong-again');
    expect([slowed.status, codeOf(slowed.text)]).toEqual([429, 'AUTH_SLOWED_DOWN']);
    expect((await ask('GET', '/v1/segments', secrets.get('read'))).status).toBe(200);
    const metrics = await (await fetch(platform.metricsUrl)).text();
    for (const reason of ['missing', 'wrong', 'expired', 'revoked', 'forbidden', 'slowed'])
      expect(metrics).toMatch(new RegExp(`rapport_access_refused_total\\{reason="${reason}"\\} [1-9]`));
    const said = platform.output();
    expect(said).toContain('a token was not let in');
    for (const secret of secrets.values()) if (secret !== undefined) expect(said).not.toContain(secret);
    expect(said).not.toContain('wrong-1');
  });

  /** What becomes of a request that says as little as it can. */
  async function refusalAt(door: string, secret: string | undefined): Promise<string> {
    if (door.startsWith('/')) {
      // Field 1 is a person, a name or a list of them nearly everywhere; elsewhere it is skipped.
      const nobody = Buffer.from('user_id:nobody');
      const code = await call(door, secret, Buffer.from([0x0a, nobody.length, ...nobody]));
      // The front door has write keys of its own to ask for.
      if (code === status.UNAUTHENTICATED) return /\/Accept(Stream)?$/.test(door) ? 'let in' : 'not known';
      if (code === status.RESOURCE_EXHAUSTED) return 'not known';
      return code === status.PERMISSION_DENIED ? 'forbidden' : 'let in';
    }
    const [method = '', pattern = ''] = door.split(' ');
    const path = pattern.replaceAll(/:\w+/g, 'user_id:nobody').replace('*', 'anything');
    const hasBody = ['POST', 'PUT', 'PATCH'].includes(method);
    const answer = await ask(method, path, secret, hasBody ? {} : undefined);
    const code = method === 'HEAD' ? (answer.status > 400 ? 'AUTH_' : '') : codeOf(answer.text);
    if (!code.startsWith('AUTH_')) return 'let in';
    const refusals: Readonly<Record<number, string>> = {
      401: 'not known',
      429: 'not known',
      403: 'forbidden',
    };
    return refusals[answer.status] ?? 'let in';
  }

  /** Every RPC but those of gRPC itself, as reflection tells. */
  async function reflected(): Promise<readonly string[]> {
    const { root } = protobuf.parse(`syntax = "proto3";
      message Ask { oneof ask { string file_containing_symbol = 4; string list_services = 7; } }
      message Files { repeated bytes file_descriptor_proto = 1; }
      message Service { string name = 1; }
      message Services { repeated Service service = 1; }
      message Told { Files file_descriptor_response = 4; Services list_services_response = 6; }`);
    const Ask = root.lookupType('Ask');
    const Told = root.lookupType('Told');
    interface Told {
      readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Uint8Array[] };
      readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
    }
    const stream = client.makeBidiStreamRequest<object, Told>(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      (request) => Buffer.from(Ask.encode(Ask.fromObject(request)).finish()),
      (bytes) => Told.toObject(Told.decode(bytes), { arrays: false }),
    );
    const told = async (request: object): Promise<Told> => {
      const answer = new Promise<Told>((resolve, reject) =>
        stream.once('data', resolve).once('error', reject),
      );
      stream.write(request);
      return await answer;
    };
    const services = (await told({ listServices: '*' })).listServicesResponse?.service ?? [];
    const rpcs = new Set<string>();
    for (const { name } of services.filter(({ name }) => !name.startsWith('grpc.'))) {
      const files = (await told({ fileContainingSymbol: name })).fileDescriptorResponse;
      for (const bytes of files?.fileDescriptorProto ?? []) {
        const file = descriptor.FileDescriptorProto.toObject(
          descriptor.FileDescriptorProto.decode(bytes),
        ) as {
          package?: string;
          service?: { name: string; method?: { name: string }[] }[];
        };
        for (const service of file.service ?? [])
          for (const method of service.method ?? [])
            rpcs.add(`/${file.package ?? ''}.${service.name}/${method.name}`);
      }
    }
    stream.end();
    return [...rpcs];
  }
});

const codeOf = (text: string): string => {
  const error: unknown = text.startsWith('{') ? (JSON.parse(text) as { error?: unknown }).error : undefined;
  // The Open Inference Protocol has errors as text.
  if (typeof error === 'string') return error.split(':')[0] ?? '';
  return (error as { code?: string } | undefined)?.code ?? '';
};

describe('who may make tokens', () => {
  it('makes none that may do more than their own', async () => {
    const maker = await make('maker', { roles: ['read'], actions: ['tokens.manage'] });
    const wanted: readonly (readonly [body: object, status: number])[] = [
      [{ roles: ['admin'] }, 403],
      [{ roles: ['read', 'decide'] }, 403],
      [{ actions: ['people.read.personal'] }, 403],
      [{ roles: ['read'], actions: ['tokens.manage'] }, 201],
      [{ roles: ['nobody'] }, 400],
    ];
    const statuses = await Promise.all(
      wanted.map(async ([body], index) => {
        const { status } = await fetch(`${platform.httpUrl}/v1/tokens`, {
          method: 'POST',
          headers: { authorization: `Bearer ${maker.secret}`, 'content-type': 'application/json' },
          body: JSON.stringify({ name: `made-${index}`, ...body }),
        });
        return status;
      }),
    );
    expect(statuses).toEqual(wanted.map(([, status]) => status));
  });
});

describe('personal values', () => {
  it('are shown to who may see them, and hidden from who may only read', async () => {
    const sent = await platform.send([
      {
        type: 'identify',
        userId: 'ada',
        traits: { email: 'ada@example.com', name: 'Ada Lovelace', plan: 'pro', address: { city: 'London' } },
      },
      {
        type: 'track',
        event: 'Order Completed',
        userId: 'ada',
        messageId: 'order of ada@example.com',
        properties: { name: 'LAMP', note: 'write to ada@example.com', phone: '+44 20 7946 0000' },
      },
      { type: 'page', userId: 'ada', category: 'ada@example.com', messageId: 'page of ada@example.com' },
      { type: 'track', userId: 'ada', messageId: 'no event of ada@example.com' },
    ]);
    expect(sent.status).toBe(200);
    const reason = 'ada@example.com asked for it';
    await platform.post('/v1/identity/link', { from: 'user_id:ada', to: 'anonymous_id:adas', reason });
    const rejected = await ask('GET', '/v1/rejected', secrets.get('operate'));
    expect([rejected.status, rejected.text]).toEqual([200, expect.stringContaining('no event of ***')]);
    expect(rejected.text).not.toContain('ada@example');
    await platform.advanceTo().catch(() => undefined);
    const doors = ['/v1/people/user_id:ada', '/v1/people/user_id:ada/timeline', '/v1/identity/user_id:ada'];
    const secret = secrets.get('read');
    const inClear = /ada@example|Lovelace|London|7946/;
    for (const door of doors) {
      const clear = await until(
        () => ask('GET', door, platform.apiToken),
        ({ text }) => /ada@example/.test(text),
      );
      expect(clear.text).toMatch(inClear);
      const hidden = await ask('GET', door, secret);
      expect([door, hidden.status]).toEqual([door, 200]);
      expect(hidden.text).not.toMatch(inClear);
      expect(hidden.text).toContain('***');
    }
    const { text } = await ask('GET', doors[0] ?? '', secret);
    expect(text).toContain('"value":"pro"');
    expect((await ask('GET', doors[1] ?? '', secret)).text).toContain('LAMP');
    const more = await make('support', { roles: ['read'], actions: ['people.read.personal'] });
    expect((await ask('GET', doors[0] ?? '', more.secret)).text).toContain('Lovelace');
  });
});

/** Asks again until the answer is the one that is waited for. */
async function until<T>(askOnce: () => Promise<T>, isIt: (answer: T) => boolean): Promise<T> {
  for (const deadline = performance.now() + 20_000; ;) {
    const answer = await askOnce();
    if (isIt(answer)) return answer;
    if (performance.now() > deadline)
      throw new Error(`waited in vain; the last answer was ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('the command line', () => {
  /** Runs a command as JSON; the exit code beside what it said. */
  async function rapport(
    secret: string,
    ...argv: string[]
  ): Promise<{ code: number; out: unknown; err: string }> {
    let out = '';
    let err = '';
    const code = await runCli([...argv, '--json'], {
      out: (text) => (out += text),
      err: (text) => (err += text),
      interactive: false,
      environment: {
        RAPPORT_URL: platform.httpUrl,
        RAPPORT_GRPC_ADDRESS: platform.grpcAddress,
        RAPPORT_API_TOKEN: secret,
      },
      stopped: new AbortController().signal,
    });
    return { code, out: out === '' ? undefined : JSON.parse(out), err };
  }

  it('makes a token, which opens what its role says, until it is revoked in the file without a restart', async () => {
    const made = await rapport(
      platform.apiToken,
      'token',
      'create',
      'shop',
      '--role',
      'decide',
      '--expires',
      '1h',
    );
    expect([made.code, made.err]).toEqual([0, '']);
    const { secret, token } = made.out as Made;
    expect((await ask('GET', '/v2', secret)).status).toBe(200);
    expect((await rapport(secret, 'tactics')).err).toContain('AUTH_FORBIDDEN');
    const file = join(platform.dataDir, 'tokens.json');
    const revoked = await rapport('', 'token', 'revoke', token.id, '--file', file);
    expect(revoked).toMatchObject({ code: 0, out: { name: 'shop', state: 'revoked' } });
    const refused = await until(
      () => ask('GET', '/v2', secret),
      (answer) => answer.status === 401,
    );
    expect(codeOf(refused.text)).toBe('AUTH_TOKEN_REVOKED');
    const listed = (await rapport(platform.apiToken, 'token', 'list')).out as {
      name: string;
      state: string;
    }[];
    expect(listed).toContainEqual(expect.objectContaining({ name: 'shop', state: 'revoked' }));
  });

  it('reads the audit log, of a token or about somebody', async () => {
    const { out } = await rapport(platform.apiToken, 'audit', '--since', '1h', '--token', 'the-import');
    expect(out).toContainEqual(
      expect.objectContaining({ action: 'people.read', outcome: 'refused', status: '403' }),
    );
    const about = await rapport(platform.apiToken, 'audit', '--about', 'user_id:ada', '--limit', '2');
    expect(about.out).toHaveLength(2);
    const made = await rapport(platform.apiToken, 'audit', '--action', 'tokens.manage', '--about', 'shop');
    expect(made.out).toMatchObject([{ token: 'RAPPORT_API_TOKEN', outcome: 'done' }]);
  });
});

describe('the audit log', () => {
  it('says who read whom, from where, and how it ended', async () => {
    const read = await audit('token=the-read&action=people.read&subject=user_id:ada');
    expect(read[0]).toMatchObject({
      token: 'the-read',
      subject: { person: 'user_id:ada' },
      outcome: 'done',
      status: '200',
      address: '127.0.0.1',
    });
    expect(new Set(read.map(({ door }) => door))).toEqual(
      new Set(['GET /v1/people/:person', 'GET /v1/people/:person/timeline', 'GET /v1/identity/:person']),
    );
  });

  it('says who was refused, and has a change once, with its end', async () => {
    const forgotten = await audit('action=privacy.erase');
    const refused = forgotten.filter(({ outcome }) => outcome === 'refused').map(({ token }) => token);
    expect(new Set(refused)).toEqual(new Set(['the-read', 'the-decide', 'the-import', 'the-operate']));
    const made = await audit('action=tokens.manage&subject=support');
    expect(made).toMatchObject([
      { token: 'RAPPORT_API_TOKEN', door: 'POST /v1/tokens', outcome: 'done', status: '201' },
    ]);
    const all = await audit('');
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(all.filter(({ outcome }) => outcome === 'begun')).toEqual([]);
  });

  it('is read in pages, each entry once, whatever the size of a page', async () => {
    const all = (await audit('token=the-operate')).map(({ id }) => id);
    const paged: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: { entries: Entry[]; nextCursor: string | null } = (
        await platform.get<{ entries: Entry[]; nextCursor: string | null }>(
          `/v1/audit?token=the-operate&limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`,
        )
      ).body;
      paged.push(...page.entries.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect(paged).toEqual(all);
    const { status: code, body } = await platform.get<ErrorAnswer>('/v1/audit?cursor=made-up');
    expect([code, body.error.code]).toEqual([400, 'AUDIT_CURSOR_INVALID']);
  });
});

describe('an error', () => {
  const raw = async (text: string): Promise<string> => {
    const { hostname, port } = new URL(platform.httpUrl);
    return await new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(Number(port), hostname, () => socket.write(text));
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        answer += chunk;
        if (answer.endsWith('}')) socket.destroy();
      });
      socket.once('close', () => resolve(answer)).once('error', reject);
    });
  };
  const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n${more}\r\n`;
  const post = (path: string, type: string, body: string): string =>
    `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${platform.apiToken}\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

  it.each<[string, () => string, number, string]>([
    ['no such route', () => get('/nothing'), 404, 'ROUTE_NOT_FOUND'],
    ['no such route under a service', () => get('/v2/nothing'), 404, 'ROUTE_NOT_FOUND'],
    ['another method', () => get('/v1/people').replace('GET', 'DELETE'), 404, 'ROUTE_NOT_FOUND'],
    ['a method that nobody has', () => get('/v1/people').replace('GET', 'PROPFIND'), 404, 'ROUTE_NOT_FOUND'],
    ['a method that is none', () => get('/').replace('GET', 'FETCH'), 400, 'HTTP_REQUEST_MALFORMED'],
    ['a URL that does not decode', () => get('/%'), 400, 'HTTP_BAD_URL'],
    ['a parameter that does not decode', () => get('/v1/people/%E0%A4%A'), 400, 'HTTP_BAD_URL'],
    [
      'a parameter that is too long',
      () => get(`/v1/people/${'x'.repeat(3000)}`),
      414,
      'HTTP_MAX_PARAM_LENGTH',
    ],
    ['a URL that is too long', () => get(`/${'x'.repeat(20_000)}`), 431, 'HTTP_HEADERS_TOO_LARGE'],
    [
      'headers that are too large',
      () => get('/', `x: ${'x'.repeat(20_000)}\r\n`),
      431,
      'HTTP_HEADERS_TOO_LARGE',
    ],
    ['no HTTP', () => 'hello\r\n\r\n', 400, 'HTTP_REQUEST_MALFORMED'],
    ['no Host', () => 'GET /healthz HTTP/1.1\r\n\r\n', 400, 'HTTP_HOST_MISSING'],
    ['an expectation', () => get('/healthz', 'expect: miracles\r\n'), 417, 'HTTP_EXPECTATION_FAILED'],
    ['another content type', () => post('/v1/decide', 'text/csv', 'a'), 415, 'HTTP_CTP_INVALID_MEDIA_TYPE'],
    ['no JSON', () => post('/v1/decide', 'application/json', '{"a":'), 400, 'HTTP_CTP_INVALID_JSON_BODY'],
    [
      'poisoned JSON',
      () => post('/v1/decide', 'application/json', '{"__proto__":{}}'),
      400,
      'HTTP_CTP_INVALID_JSON_BODY',
    ],
    ['an empty body', () => post('/v1/decide', 'application/json', ''), 400, 'HTTP_CTP_EMPTY_JSON_BODY'],
    [
      'a body that is too large',
      () => post('/v1/decide', 'application/json', `"${'x'.repeat(1 << 20)}"`),
      413,
      'HTTP_CTP_BODY_TOO_LARGE',
    ],
    [
      'a body of another shape',
      () => post('/v1/identity/link', 'application/json', '{}'),
      400,
      'HTTP_VALIDATION',
    ],
    ['no token', () => get('/v1/status'), 401, 'AUTH_TOKEN_MISSING'],
    ['no write key', () => post('/v1/track', 'application/json', '{}'), 401, 'INGESTION_WRITE_KEY_MISSING'],
  ])('has the one form: %s', async (_, request, wanted, code) => {
    const answer = await raw(request());
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect([head.split(' ')[1], codeOf(body)]).toEqual([String(wanted), code]);
    expect(head.toLowerCase()).toContain('content-type: application/json');
    expect((JSON.parse(body) as ErrorAnswer).error.message).not.toBe('');
  });
});
