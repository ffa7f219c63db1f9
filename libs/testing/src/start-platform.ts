import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** The root of this checkout: tests run from there. */
export const repositoryRoot = resolve(process.env['RAPPORT_ROOT'] ?? process.cwd());

export interface StartPlatformOptions {
  /** Kept when given; a temporary folder that `stop` removes otherwise. */
  readonly dataDir?: string;
  /** ISO 8601: the platform runs in virtual time from this instant. */
  readonly virtualFrom?: string;
  /** Default: the sample playbook. */
  readonly playbookDir?: string;
  /** More environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Entry point under the root. Default services/platform/dist/main.js. */
  readonly main?: string;
}

/** A platform in a process of its own, reached through its public doors. */
export interface TestPlatform {
  readonly httpUrl: string;
  readonly grpcAddress: string;
  readonly metricsUrl: string;
  readonly dataDir: string;
  readonly process: ChildProcess;
  readonly writeKey: string;
  readonly apiToken: string;
  /** What it printed so far, both streams. */
  output(): string;
  /** Answers of the platform's HTTP doors with the API token. */
  get<T>(path: string): Promise<{ status: number; body: T }>;
  post<T>(path: string, body: unknown): Promise<{ status: number; body: T }>;
  /** POST /v1/batch with the write key. */
  send(
    batch: readonly object[],
    sentAt?: string,
  ): Promise<{
    status: number;
    body: { results: { messageId: string; accepted: boolean; code?: string; detail?: string }[] };
  }>;
  /** Moves virtual time and waits until everything has settled; without an instant it only settles. */
  advanceTo(iso?: string): Promise<void>;
  /** SIGKILL, at once; the data folder stays. */
  kill(): Promise<void>;
  /** SIGTERM, waits for the end, removes a temporary data folder. */
  stop(): Promise<void>;
}

const writeKey = 'test-write-key';
const apiToken = 'test-api-token';

/** Starts the built platform (`npm run build` first) on free ports. */
export async function startPlatform(options: StartPlatformOptions = {}): Promise<TestPlatform> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'rapport-'));
  const child = fork(join(repositoryRoot, options.main ?? 'services/platform/dist/main.js'), [], {
    cwd: repositoryRoot,
    silent: true,
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      RAPPORT_DATA_DIR: dataDir,
      RAPPORT_PLAYBOOK_DIR: options.playbookDir ?? join(repositoryRoot, 'playbook'),
      RAPPORT_HTTP_PORT: '0',
      RAPPORT_GRPC_PORT: '0',
      RAPPORT_METRICS_PORT: '0',
      RAPPORT_WRITE_KEYS: `web=${writeKey}`,
      RAPPORT_API_TOKEN: apiToken,
      RAPPORT_LOG_LEVEL: 'warn',
      ...(options.virtualFrom === undefined
        ? {}
        : { RAPPORT_CLOCK: 'virtual', RAPPORT_CLOCK_START: options.virtualFrom }),
      ...options.environment,
    },
  });
  let printed = '';
  child.stdout?.on('data', (chunk: Buffer) => (printed = (printed + chunk.toString()).slice(-100_000)));
  child.stderr?.on('data', (chunk: Buffer) => (printed = (printed + chunk.toString()).slice(-100_000)));
  const ready = await new Promise<{ httpUrl: string; grpcAddress: string; metricsUrl: string }>(
    (resolveReady, reject) => {
      child.once('exit', (code, signal) =>
        reject(new Error(`the platform ended before it was ready (${code ?? signal ?? ''}):\n${printed}`)),
      );
      child.on(
        'message',
        (message: {
          kind: string;
          httpUrl: string;
          grpcAddress: string;
          metricsUrl: string;
          reason?: string;
        }) => {
          if (message.kind === 'ready') resolveReady(message);
        },
      );
    },
  );
  const exited = new Promise<void>((resolveExit) => child.once('exit', () => resolveExit()));

  const call = async <T>(
    method: string,
    path: string,
    body?: unknown,
    authorization = `Bearer ${apiToken}`,
  ): Promise<{ status: number; body: T }> => {
    const response = await fetch(ready.httpUrl + path, {
      method,
      headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as T };
  };
  const basic = `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`;

  return {
    ...ready,
    dataDir,
    process: child,
    writeKey,
    apiToken,
    output: () => printed,
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body),
    send: (batch, sentAt) =>
      call('POST', '/v1/batch', { batch, ...(sentAt === undefined ? {} : { sentAt }) }, basic),
    advanceTo: async (iso) => {
      const { status, body } = await call<unknown>(
        'POST',
        '/v1/clock',
        iso === undefined ? {} : { advanceTo: iso },
      );
      if (status !== 200) throw new Error(`the clock did not move: ${status} ${JSON.stringify(body)}`);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
