import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { repositoryRoot } from '@rapport/testing';

const run = promisify(execFile);
const buildLimitMs = 10 * 60_000;

async function freePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

/** What the image's stages do, by the same script, without a container engine. */
describe('the image, built and started outside Docker', () => {
  let folder: string;
  let image: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rapport-image-'));
    const source = join(folder, 'source');
    image = join(folder, 'image');
    const { stdout } = await run('git', ['ls-files', '-co', '--exclude-standard'], {
      cwd: repositoryRoot,
      maxBuffer: 16 * 1024 * 1024,
    });
    for (const file of stdout.split('\n').filter(Boolean)) {
      await mkdir(dirname(join(source, file)), { recursive: true });
      await cp(join(repositoryRoot, file), join(source, file)).catch((thrown: NodeJS.ErrnoException) => {
        // Taken away in the work tree, and git not told yet.
        if (thrown.code !== 'ENOENT') throw thrown;
      });
    }
    // As in a container: nothing of the machine's own settings but where packages come from.
    await run('sh', ['infra/docker/build.sh', image], {
      cwd: source,
      env: { ...process.env, NODE_ENV: '', npm_config_prefer_offline: 'true' },
      maxBuffer: 64 * 1024 * 1024,
      timeout: buildLimitMs,
    });
  }, buildLimitMs);

  afterAll(async () => rm(folder, { recursive: true, force: true }));

  it('holds what production needs and nothing else', async () => {
    const at = join(image, 'node_modules');
    const scoped = ['@nestjs', '@swc', '@jest'].map(async (scope) =>
      (await readdir(join(at, scope)).catch(() => [])).map((name) => `${scope}/${name}`),
    );
    const packages = [...(await readdir(at)), ...(await Promise.all(scoped)).flat()];
    expect(packages).toEqual(
      expect.arrayContaining(['fastify', 'lmdb', 'kafkajs', 'mongodb', '@nestjs/core']),
    );
    for (const development of [
      'jest',
      'typescript',
      'eslint',
      'nx',
      'prettier',
      '@swc/core',
      '@jest/globals',
    ])
      expect(packages).not.toContain(development);
    const { stdout } = await run('find', [
      ...['libs', 'services', 'proto'].map((name) => join(image, name)),
      ...['-name', '*.spec.*', '-o', '-name', '*.ts', '-not', '-name', '*.d.ts'],
    ]);
    expect(stdout).toBe('');
  });

  it('becomes healthy, answers, and stops in order', async () => {
    const port = await freePort();
    const env = {
      PATH: process.env['PATH'] ?? '',
      NODE_ENV: 'production',
      NODE_OPTIONS: '--max-semi-space-size=64',
      RAPPORT_DATA_DIR: join(folder, 'data'),
      RAPPORT_HTTP_PORT: port,
      RAPPORT_GRPC_PORT: '0',
      RAPPORT_METRICS_PORT: '0',
      RAPPORT_SMTP_PORT: '0',
      RAPPORT_WRITE_KEYS: 'shop=image-key',
      RAPPORT_API_TOKEN: 'token-of-the-image-test',
    };
    const health = async (): Promise<number> => {
      const child = spawn(process.execPath, ['infra/docker/health.mjs'], {
        cwd: image,
        env,
        stdio: 'ignore',
      });
      return await ended(child);
    };
    expect(await health()).toBe(1);
    const platform = spawn(process.execPath, ['services/platform/dist/main.js'], { cwd: image, env });
    let said = '';
    for (const stream of [platform.stdout, platform.stderr])
      stream.on('data', (some: Buffer) => (said += some.toString()));
    const end = ended(platform);
    try {
      // As the image's HEALTHCHECK: every 5 s, 12 times.
      let state = 1;
      for (let look = 0; look < 60 && state !== 0 && platform.exitCode === null; look++) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        state = await health();
      }
      expect([state, state === 0 ? '' : said]).toEqual([0, '']);
      const response = await fetch(`http://127.0.0.1:${port}/v1/identify`, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from('image-key:').toString('base64')}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ userId: 'ada', traits: { plan: 'gold' } }),
      });
      expect(response.status).toBe(200);
    } finally {
      platform.kill('SIGTERM');
    }
    expect(await end).toBe(0);
    expect(await health()).toBe(1);
  }, 180_000);
});

const ended = (child: ChildProcess): Promise<number> =>
  new Promise((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? (signal === null ? -1 : 128))),
  );
