import { fork, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout: benchmarks are started from there. */
export const root = process.cwd();
export const writeKey = 'bench-write-key';
export const apiToken = 'bench-api-token';
/** As Segment's libraries send it. */
export const basicKey = `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`;

export interface BenchServer {
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  readonly grpcAddress: string;
  readonly metricsUrl: string;
  stop(): Promise<void>;
}

/** What it takes to run any part of the platform for a benchmark: free ports, a folder of its own, known keys. */
export function platformEnvironment(dataDir: string): Record<string, string> {
  return {
    RAPPORT_DATA_DIR: dataDir,
    RAPPORT_PLAYBOOK_DIR: join(root, 'playbook'),
    RAPPORT_HTTP_PORT: '0',
    RAPPORT_GRPC_PORT: '0',
    RAPPORT_METRICS_PORT: '0',
    RAPPORT_WRITE_KEYS: `bench=${writeKey}`,
    RAPPORT_API_TOKEN: apiToken,
    RAPPORT_LOG_LEVEL: 'error',
  };
}

/** Starts the bare collector or the ingestion service alone. */
export function startServer(
  kind: 'bare-collector' | 'ingestion-alone',
  workDir: string,
): Promise<BenchServer> {
  return startEntry(fileURLToPath(new URL(`./${kind}.js`, import.meta.url)), join(workDir, kind));
}

/** Starts the whole platform in one process. */
export function startWholePlatform(
  workDir: string,
  playbookDir = join(root, 'playbook'),
): Promise<BenchServer> {
  const more = { RAPPORT_PLAYBOOK_DIR: playbookDir };
  return startEntry(join(root, 'services/platform/dist/main.js'), join(workDir, 'platform'), more);
}

async function startEntry(
  entry: string,
  dataDir: string,
  more: Readonly<Record<string, string>> = {},
): Promise<BenchServer> {
  mkdirSync(dataDir, { recursive: true });
  const profile = process.env['RAPPORT_BENCH_CPU_PROFILE'];
  const child = fork(resolve(entry), [dataDir], {
    cwd: root,
    // Threads and heap as `npm start` has them.
    env: { UV_THREADPOOL_SIZE: '16', ...process.env, ...platformEnvironment(dataDir), ...more },
    execArgv: [
      '--max-semi-space-size=64',
      '--heap-growing-percent=400',
      ...(profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]),
    ],
  });
  const ready = await new Promise<{
    port?: number;
    grpc?: string;
    httpUrl?: string;
    grpcAddress?: string;
    metricsUrl?: string;
  }>((resolveReady, reject) => {
    child.once('exit', (code, signal) =>
      reject(new Error(`${entry} ended before it was ready (${code ?? signal})`)),
    );
    child.on(
      'message',
      (message: {
        kind: string;
        port?: number;
        grpc?: string;
        httpUrl?: string;
        grpcAddress?: string;
        metricsUrl?: string;
      }) => {
        if (message.kind === 'ready') resolveReady(message);
      },
    );
  });
  const port = ready.port ?? Number(new URL(ready.httpUrl ?? '').port);
  return {
    pid: child.pid ?? 0,
    port,
    url: `http://127.0.0.1:${port}`,
    grpcAddress: ready.grpc ?? ready.grpcAddress ?? '',
    metricsUrl: ready.metricsUrl ?? '',
    stop: () => stopped(child),
  };
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolveExit) => child.once('exit', () => resolveExit()));
  child.disconnect();
  const cut = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await exited;
  clearTimeout(cut);
}
