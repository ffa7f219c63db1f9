import { fileURLToPath } from 'node:url';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { messageOf, RapportError } from '@rapport/kernel';
import type { Credentials } from '@rapport/service-host';
import type { CommandContext } from '../command-context.js';
import { openWebhookDesk } from '../demo/webhook-desk.js';

interface Options {
  readonly profile: 'embedded' | 'cluster';
  readonly demo: boolean;
  readonly service?: string;
  readonly replicas: Readonly<Partial<Record<ServiceName, number>>>;
}

type ServiceName = (typeof serviceNames)[number];

/** Where `channels.yaml` of the sample playbook sends its webhooks. */
const webhookDeskPort = 8089;

const serviceNames = ['ingestion', 'identity', 'profiles', 'model-serving', 'orchestrator'] as const;

/** Of the checkout or image: tools/cli/dist/commands lies four folders down. */
const repositoryRoot = fileURLToPath(new URL('../../../../', import.meta.url));

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
    .addOption(new Option('--service <name>', 'with embedded: only this service').choices(serviceNames))
    .option(
      '--replicas <service=n>',
      'with cluster: processes of a service, 1 to 8; may be repeated',
      collectReplicas,
      {},
    )
    .action(async (options: Options) => {
      expectTogether(options);
      await (options.profile === 'cluster' ? runOnCluster(options, context) : runEmbedded(options, context));
    });
}

function collectReplicas(text: string, before: Options['replicas']): Options['replicas'] {
  const [name, count] = text.split('=');
  const service = serviceNames.find((known) => known === name);
  const wanted = Number(count);
  if (service === undefined || !Number.isInteger(wanted) || wanted < 1 || wanted > 8) {
    throw new InvalidArgumentError(
      `expected <service>=<1 to 8>, the service one of ${serviceNames.join(', ')}; got ${text}`,
    );
  }
  return { ...before, [service]: wanted };
}

/** What one profile offers and the other does not is refused there: who asks for it would wait for it in vain. */
function expectTogether({ profile, service, replicas }: Options): void {
  const counted = Object.entries(replicas).map(([name, count]) => `--replicas ${name}=${count}`);
  if (profile === 'cluster' && service !== undefined) {
    throw new RapportError(
      'CLI_USAGE_SERVICE_ON_CLUSTER',
      'invalid',
      `expected --service with --profile embedded, which can run one service alone; got --service ${service} with --profile cluster, which runs them all. Leave one of the two out.`,
    );
  }
  if (profile === 'embedded' && counted.length > 0) {
    throw new RapportError(
      'CLI_USAGE_REPLICAS_WITHOUT_CLUSTER',
      'invalid',
      `expected --replicas with --profile cluster; got ${counted.join(' ')} with --profile embedded, which is one process. Add --profile cluster, or leave --replicas out.`,
    );
  }
}

/** One process per service on real engines; a line whenever one of them changes its state. */
async function runOnCluster(options: Options, context: CommandContext): Promise<void> {
  const { terminal } = context;
  const { startLocalCluster } = await import('@rapport/cluster');
  const startedMs = performance.now();
  const said = new Map<string, string>();
  const cluster = await startLocalCluster({
    root: repositoryRoot,
    environment: { RAPPORT_LOG_LEVEL: 'warn', ...terminal.environment },
    replicas: options.replicas,
    stopped: terminal.stopped,
    onProgress: (line) => terminal.err(line),
    onChange: (processes) => {
      for (const { name, state, pid, restarts, listening, lastReason } of processes) {
        const where = listening === undefined ? '' : ` ${listening.httpUrl} gRPC ${listening.grpcAddress}`;
        const why = state === 'waiting' ? ` (${lastReason}); starting it again` : '';
        const line = `${name.padEnd(16)} ${state}${pid === undefined ? '' : ` pid ${pid}`}${restarts > 0 ? ` restarts ${restarts}` : ''}${where}${why}`;
        if (said.get(name) !== line) terminal.err(line);
        said.set(name, line);
      }
    },
    onOutput: (name, text) => terminal.err(text.trimEnd().replace(/^/gm, `${name.padEnd(16)} | `)),
  }).catch((thrown: unknown) => {
    throw explained(thrown);
  });
  let closeDemo: (() => Promise<void>) | undefined;
  try {
    await cluster.ready(120_000, terminal.stopped);
    const { httpUrl, credentials } = cluster;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    terminal.out(
      context.json()
        ? JSON.stringify({ httpUrl, grpc: cluster.grpc })
        : `Ready after ${seconds} s: HTTP ${httpUrl}`,
    );
    if (options.demo) closeDemo = await openDemo(httpUrl, credentials, [['HTTP', httpUrl]], context);
    await untilStopped(terminal.stopped);
  } finally {
    await closeDemo?.();
    await cluster.stop();
  }
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
  credentials: Pick<Credentials, 'sources' | 'apiToken'>,
  addresses: readonly (readonly [string, string])[],
  context: CommandContext,
): Promise<() => Promise<void>> {
  const { startDemoShopProcess, startLiveTerminal } = await import('@rapport/storefront');
  const { ownSource } = await import('@rapport/service-host');
  const { apiToken } = credentials;
  // The platform's own key is not for shops; the demo shop speaks as its server does.
  const keys = [...credentials.sources].filter(([, { source }]) => source !== ownSource);
  const [writeKey] = keys.find(([, { kind }]) => kind === 'server') ?? keys[0] ?? [''];
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
  const { code, port } = (thrown ?? {}) as { code?: string; port?: number };
  if (code !== 'EADDRINUSE') return thrown;
  return new RapportError(
    'PORT_TAKEN',
    'conflict',
    `expected port ${port ?? ''} to be free; another program listens there. Stop it, or set RAPPORT_HTTP_PORT, RAPPORT_GRPC_PORT and RAPPORT_METRICS_PORT (0 picks a free one). ${messageOf(thrown)}`,
  );
}
