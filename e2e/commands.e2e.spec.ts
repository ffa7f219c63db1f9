import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCli } from '@rapport/cli';
import { repositoryRoot, startPlatform, type TestPlatform } from '@rapport/testing';

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command line in this process, against a platform in another: quicker than a process for each. */
async function rapportHere(
  environment: Readonly<Record<string, string>>,
  ...argv: string[]
): Promise<Outcome> {
  let out = '';
  let err = '';
  const code = await runCli(argv, {
    out: (text) => (out += `${text}\n`),
    err: (text) => (err += `${text}\n`),
    interactive: false,
    environment,
    stopped: new AbortController().signal,
  });
  return { code, out, err };
}

/** The real command line in a process of its own. */
function rapport(environment: Readonly<Record<string, string>>, ...argv: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(repositoryRoot, 'tools/bin/rapport.mjs'), ...argv], {
      cwd: repositoryRoot,
      env: { ...process.env, NODE_OPTIONS: '', ...environment },
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

const events = [
  {
    type: 'identify',
    userId: 'ada',
    anonymousId: 'phone',
    traits: { email: 'ada@example.com', firstName: 'Ada' },
  },
  ...[1, 2, 3].map((view) => ({
    type: 'track',
    event: 'Product Viewed',
    anonymousId: 'phone',
    messageId: `view-${view}`,
    properties: { product_id: 'lamp-7', name: 'LAMP', category: 'lamps', price: 49 },
  })),
  {
    type: 'track',
    event: 'Product Viewed',
    userId: 'ada',
    messageId: 'bad',
    properties: { product_id: 'lamp-7', price: 'cheap' },
  },
];

describe('the command line beside a platform', () => {
  let folder = '';
  let platform: TestPlatform;
  let run: (...argv: string[]) => Promise<Outcome>;
  const json = async <T>(...argv: string[]): Promise<T> => {
    const { code, out, err } = await run(...argv, '--json');
    expect([code, err]).toEqual([0, '']);
    return JSON.parse(out) as T;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rapport-commands-'));
    await writeFile(
      join(folder, 'events.ndjson'),
      `${events.map((event) => JSON.stringify(event)).join('\n')}\n`,
    );
    platform = await startPlatform();
    const environment = {
      RAPPORT_URL: platform.httpUrl,
      RAPPORT_GRPC_ADDRESS: platform.grpcAddress,
      RAPPORT_API_TOKEN: platform.apiToken,
      RAPPORT_DATA_DIR: folder,
    };
    run = (...argv) => rapportHere(environment, ...argv);
  });
  afterAll(async () => {
    await platform.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('brings a file in, with the verdict of the front door in the account', async () => {
    const { code, out } = await run(
      'import',
      join(folder, 'events.ndjson'),
      '--format',
      'segment-ndjson',
      '--source',
      'test',
    );
    expect(code).toBe(0);
    expect(out).toContain('refused – the platform: INGESTION_PLAN_VIOLATION');
    expect(out).toContain('5 lines read = 4 used + 1 refused');
  });

  it("tells a person's story", async () => {
    await until(async () => (await run('person', 'user_id:ada', '--json')).out.includes('"views_7d":3'));
    const { code, out } = await run('person', 'email:ada@example.com');
    expect(code).toBe(0);
    for (const part of [
      'user_id:ada',
      'anonymous_id:phone',
      'keen_on_a_product',
      'firstName',
      'Product Viewed: LAMP (lamp-7)',
    ])
      expect(out).toContain(part);
    expect(await run('person', 'user_id:nobody')).toMatchObject({
      code: 3,
      out: '',
      err: expect.stringContaining('nobody'),
    });
  });

  it('shows who is who, takes links back and makes them', async () => {
    const { code, out } = await run('identity', 'show', 'user_id:ada');
    expect(code).toBe(0);
    expect(out).toMatch(/user_id:ada.*deterministic/);
    const apart = await json<{ fromProfileId: string; toProfileId: string }>(
      'identity',
      'unlink',
      'user_id:ada',
      'anonymous_id:phone',
    );
    expect(typeof apart.fromProfileId).toBe('string');
    const linked = await json<{ profileId: string }>('identity', 'link', 'user_id:ada', 'anonymous_id:phone');
    expect(linked.profileId).toMatch(/^p_/);
  });

  it('explains a decision and tells what tactics bring', async () => {
    const { body } = await platform.post<{ decisionId: string }>('/v1/decide', {
      person: 'user_id:ada',
      placement: 'product_page',
    });
    const { code, out } = await run('explain', body.decisionId);
    expect(code).toBe(0);
    expect(out).toContain(`Decision ${body.decisionId}`);
    expect(out).toContain('third_look');
    expect(await run('explain', 'd_nothing')).toMatchObject({ code: 3 });
    const tactics = await run('tactics');
    expect(tactics.code).toBe(0);
    for (const name of [
      'clearance_welcome',
      'category_picks',
      'third_look',
      'cart_reminder',
      'come_back',
      'personal_call',
    ])
      expect(tactics.out).toContain(name);
  });

  it('lists, shows and replays what was rejected', async () => {
    const records = await json<{ id: string; code: string }[]>(
      'rejected',
      'list',
      '--code',
      'INGESTION_PLAN_VIOLATION',
    );
    expect(records).toHaveLength(1);
    const id = records[0]?.id ?? '';
    const shown = await run('rejected', 'show', id);
    expect([shown.code, shown.out.includes('"cheap"')]).toEqual([0, true]);
    // Nothing was mended, so it is refused again, and the shell is told.
    expect(await run('rejected', 'replay', id)).toMatchObject({
      code: 1,
      out: expect.stringContaining('INGESTION_PLAN_VIOLATION'),
    });
    expect(await run('rejected', 'show', '9-999999')).toMatchObject({ code: 3 });
  });

  it('is not let in with another token', async () => {
    const { code, err } = await rapportHere(
      { RAPPORT_URL: platform.httpUrl, RAPPORT_API_TOKEN: 'wrong' },
      'person',
      'user_id:ada',
    );
    expect(code).toBe(4);
    expect(err).toContain('RAPPORT_API_TOKEN');
  });
});

describe('the command line without a platform', () => {
  it('opens the data itself, and finds it there the next time', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rapport-commands-'));
    try {
      const file = join(folder, 'events.ndjson');
      await writeFile(file, `${events.map((event) => JSON.stringify(event)).join('\n')}\n`);
      const environment = { RAPPORT_DATA_DIR: join(folder, 'data'), RAPPORT_HTTP_PORT: '9' };
      const imported = await rapport(environment, 'import', file, '--format', 'segment-ndjson', '--json');
      expect(imported.code).toBe(0);
      expect(JSON.parse(imported.out)).toMatchObject({ linesRead: 5, linesUsed: 4, balanced: true });
      const person = await rapport(environment, 'person', 'user_id:ada', '--json');
      expect(JSON.parse(person.out)).toMatchObject({
        computedTraits: { views_7d: 3 },
        traits: { firstName: { value: 'Ada' } },
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('runs the platform until it is told to stop', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rapport-commands-'));
    try {
      const child = spawn(
        process.execPath,
        [join(repositoryRoot, 'tools/bin/rapport.mjs'), 'up', '--no-demo', '--json'],
        {
          cwd: repositoryRoot,
          env: {
            ...process.env,
            NODE_OPTIONS: '',
            RAPPORT_DATA_DIR: folder,
            RAPPORT_HTTP_PORT: '0',
            RAPPORT_GRPC_PORT: '0',
            RAPPORT_METRICS_PORT: '0',
            RAPPORT_LOG_LEVEL: 'error',
          },
        },
      );
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
      const { httpUrl } = await new Promise<{ httpUrl: string }>((resolve, reject) => {
        let out = '';
        child.once('close', (code) => reject(new Error(`it ended with ${code} before it was ready`)));
        child.stdout.on('data', (chunk: Buffer) => {
          out += chunk.toString();
          const line = out.split('\n').find((each) => each.startsWith('{') && out.includes(`${each}\n`));
          if (line !== undefined) resolve(JSON.parse(line) as { httpUrl: string });
        });
      });
      expect(await (await fetch(`${httpUrl}/readyz`)).json()).toEqual({ status: 'ready' });
      const second = await rapport(
        {
          RAPPORT_DATA_DIR: folder,
          RAPPORT_HTTP_PORT: '0',
          RAPPORT_GRPC_PORT: '0',
          RAPPORT_METRICS_PORT: '0',
        },
        'up',
        '--no-demo',
      );
      expect(second.code).toBe(1);
      expect(second.err).toContain('in use by process');
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline;) {
    if (await holds()) return;
  }
  throw new Error('it did not come to hold within 30 s');
}
