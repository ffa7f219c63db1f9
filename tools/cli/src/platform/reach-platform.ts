import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RapportError } from '@rapport/kernel';
import type { Calls } from '@rapport/service-host';
import type { CliConfig } from '../cli.config.js';
import type { Terminal } from '../terminal.js';
import { HttpDoor } from './http-door.js';

/** A platform that a command talks to through its public doors. */
export interface Platform {
  readonly http: HttpDoor;
  /** Its gRPC services; connected when first asked for. */
  calls(): Promise<Calls>;
  /** True when it runs in this process, for the time of the command. */
  readonly embedded: boolean;
  /** Waits until what was sent has worked its way through; only an embedded one can tell. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/** The platform that runs, or throws PLATFORM_UNREACHABLE. */
export async function reachRunning(config: CliConfig): Promise<Platform> {
  const running = await runningPlatform(config);
  if (running !== undefined) return running;
  throw new RapportError(
    'PLATFORM_UNREACHABLE',
    'unavailable',
    `expected a platform at ${config.httpUrl}; nothing listens there. Start it with: npx rapport up`,
  );
}

/** The platform that runs; where none does, an embedded one on the data folder, on free ports, until `close`. */
export async function reachOrEmbed(config: CliConfig, terminal: Terminal): Promise<Platform> {
  const running = await runningPlatform(config);
  if (running !== undefined) return running;
  if (config.pointedAt) return await reachRunning(config);
  terminal.err(
    `No platform runs at ${config.httpUrl}; opening the data in ${config.dataDir} for this command.`,
  );
  const { runPlatform } = await import('@rapport/platform');
  const embedded = await runPlatform({
    ...terminal.environment,
    RAPPORT_HOST: '127.0.0.1',
    RAPPORT_HTTP_PORT: '0',
    RAPPORT_GRPC_PORT: '0',
    RAPPORT_METRICS_PORT: '0',
    RAPPORT_LOG_LEVEL: terminal.environment['RAPPORT_LOG_LEVEL'] ?? 'error',
  });
  const { apiToken } = embedded.host.credentials;
  const calls = lazyCalls(embedded.grpcAddress, apiToken, config.tls);
  return {
    http: new HttpDoor(embedded.httpUrl, apiToken),
    calls: calls.open,
    embedded: true,
    settle: async () => {
      await embedded.settle();
    },
    close: async () => {
      await calls.close();
      await embedded.stop();
    },
  };
}

async function runningPlatform(config: CliConfig): Promise<Platform | undefined> {
  const apiToken = config.apiToken ?? keptToken(config.dataDir) ?? '';
  const http = new HttpDoor(config.httpUrl, apiToken);
  let alive;
  try {
    alive = await http.call('GET', '/healthz');
  } catch {
    return undefined;
  }
  if (alive.status !== 200 || (alive.body as { status?: unknown } | undefined)?.status !== 'alive') {
    throw new RapportError(
      'PLATFORM_STRANGER',
      'unavailable',
      `expected a platform at ${config.httpUrl}; something else answers there (${alive.status}). Set RAPPORT_HTTP_PORT or RAPPORT_URL to where the platform listens.`,
    );
  }
  const calls = lazyCalls(config.grpcAddress, apiToken, config.tls);
  return {
    http,
    calls: calls.open,
    embedded: false,
    settle: () => Promise.resolve(),
    close: calls.close,
  };
}

const systemAuthorities = { own: undefined, ca: undefined, requiresClients: false };

/** Most commands need no gRPC, and loading it takes longer than they do. */
function lazyCalls(
  address: string,
  apiToken: string,
  tls: CliConfig['tls'],
): {
  readonly open: () => Promise<Calls>;
  readonly close: () => Promise<void>;
} {
  let calls: Promise<Calls> | undefined;
  const open = async (): Promise<Calls> => {
    const { createCalls, readTls } = await import('@rapport/service-host');
    const believed = tls === undefined ? undefined : (readTls(tls) ?? systemAuthorities);
    return createCalls({ addressOf: () => address, apiToken, tls: believed });
  };
  return {
    open: () => (calls ??= open()),
    close: async () => {
      if (calls !== undefined) (await calls).close();
    },
  };
}

function keptToken(dataDir: string): string | undefined {
  const path = join(dataDir, 'credentials.json');
  if (!existsSync(path)) return undefined;
  const kept = JSON.parse(readFileSync(path, 'utf8')) as { apiToken?: string };
  return kept.apiToken;
}
