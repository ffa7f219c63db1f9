import { Option, type Command } from 'commander';
import { messageOf, RapportError } from '@rapport/kernel';
import type { CommandContext } from '../command-context.js';
import { openWebhookDesk } from '../demo/webhook-desk.js';

interface Options {
  readonly profile: 'embedded' | 'cluster';
  readonly demo: boolean;
  readonly service?: string;
}

/** Where `channels.yaml` of the sample playbook sends its webhooks. */
const webhookDeskPort = 8089;

const serviceNames = ['ingestion', 'identity', 'profiles', 'model-serving', 'orchestrator'] as const;

export function addUp(program: Command, context: CommandContext): void {
  program
    .command('up')
    .description('run the platform until Ctrl-C')
    .addOption(
      new Option('--profile <profile>', 'all in one process, or one process per service on Kafka and MongoDB')
        .choices(['embedded', 'cluster'])
        .default('embedded'),
    )
    .option('--no-demo', 'without the simulated shop and its screen')
    .addOption(new Option('--service <name>', 'only this service').choices(serviceNames))
    .action(async (options: Options) => {
      if (options.profile === 'cluster')
        throw new RapportError(
          'CLI_USAGE_PROFILE',
          'unimplemented',
          'the cluster profile is not built into this command yet; see docker-compose.yml',
        );
      await runEmbedded(options, context);
    });
}

async function runEmbedded(options: Options, context: CommandContext): Promise<void> {
  const { terminal } = context;
  const withDemo = options.demo && options.service === undefined;
  const { runPlatform } = await import('@rapport/platform');
  const startedMs = performance.now();
  const running = await runPlatform(
    // A screen that is drawn in place and log lines do not go together.
    {
      ...terminal.environment,
      RAPPORT_LOG_LEVEL:
        terminal.environment['RAPPORT_LOG_LEVEL'] ?? (withDemo && terminal.interactive ? 'error' : 'info'),
    },
    serviceNames.find((name) => name === options.service),
  ).catch((thrown: unknown) => {
    throw explained(thrown);
  });
  const { httpUrl, grpcAddress, metricsUrl } = running;
  const addresses: [string, string][] = [
    ['HTTP', httpUrl],
    ['API', `${httpUrl}/openapi.json`],
    ['gRPC', grpcAddress],
    ['metrics', metricsUrl],
  ];
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  terminal.out(
    context.json()
      ? JSON.stringify({ httpUrl, grpcAddress, metricsUrl })
      : `Ready after ${seconds} s: ${addresses.map(([name, address]) => `${name} ${address}`).join(' · ')}`,
  );
  if (running.host.credentials.generated && !context.json())
    terminal.out(`Keys are in ${context.config().dataDir}/credentials.json. Ctrl-C stops.`);
  const close = withDemo
    ? await openDemo(running.httpUrl, running.host.credentials, addresses, context)
    : undefined;
  try {
    await untilStopped(terminal.stopped);
  } finally {
    await close?.();
    await running.stop();
  }
}

async function openDemo(
  httpUrl: string,
  credentials: { readonly sources: ReadonlyMap<string, string>; readonly apiToken: string },
  addresses: readonly (readonly [string, string])[],
  context: CommandContext,
): Promise<() => Promise<void>> {
  const { startDemoShopProcess, startLiveTerminal } = await import('@rapport/storefront');
  const { apiToken } = credentials;
  // The platform's own key is not for shops.
  const writeKey = [...credentials.sources].find(([, source]) => source !== 'rapport')?.[0] ?? '';
  const { demo, playbookDir } = context.config();
  const shop = startDemoShopProcess({ httpUrl, writeKey, apiToken, playbookDir, ...demo });
  const screen = startLiveTerminal({
    httpUrl,
    apiToken,
    addresses,
    output: process.stdout,
    recent: () => shop.recent(),
    trouble: () => shop.trouble(),
  });
  const desk = await openWebhookDesk(webhookDeskPort);
  return async () => {
    await screen.stop();
    await shop.stop();
    await desk?.close();
  };
}

function untilStopped(stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stopped.aborted) resolve();
    // Keeps the process alive, also when nothing else does.
    const awake = setInterval(() => undefined, 60_000);
    stopped.addEventListener('abort', () => {
      clearInterval(awake);
      resolve();
    });
  });
}

function explained(thrown: unknown): unknown {
  const { code, port } = (thrown instanceof Error ? thrown : {}) as { code?: string; port?: number };
  if (code !== 'EADDRINUSE') return thrown;
  return new RapportError(
    'PORT_TAKEN',
    'conflict',
    `expected port ${port ?? ''} to be free; another program listens there. Stop it, or set RAPPORT_HTTP_PORT, RAPPORT_GRPC_PORT and RAPPORT_METRICS_PORT (0 picks a free one). ${messageOf(thrown)}`,
  );
}
