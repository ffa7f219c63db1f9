import { duration, readConfig, wholeNumber, z } from '@rapport/config';
import { messageOf, parseDuration } from '@rapport/kernel';
import type { ChannelDefinition } from '@rapport/playbook';

function readWaits(text: string, context: z.RefinementCtx): readonly number[] {
  try {
    return text.split(',').map((wait) => parseDuration(wait.trim()));
  } catch (thrown) {
    context.addIssue({ code: 'custom', message: messageOf(thrown) });
    return z.NEVER;
  }
}

const schema = z.object({
  /** Where this platform is reached from outside: unsubscribe links begin with it. */
  RAPPORT_PUBLIC_URL: z.url().default('http://127.0.0.1:8080'),
  /** Where `{{ link }}` in content leads; the decision's id is added. */
  RAPPORT_SHOP_URL: z.url().default('https://shop.example/'),
  /** Signs unsubscribe links; the API token where absent. Change it, and links already sent stop working. */
  RAPPORT_UNSUBSCRIBE_SECRET: z.string().min(16).optional(),
  /** smtp://user:password@host:port; the local mail sink where absent. */
  RAPPORT_SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\//, 'expected smtp:// or smtps://')
    .optional(),
  /** Port of the local mail sink on 127.0.0.1; 0 takes a free one. */
  RAPPORT_MAIL_SINK_PORT: wholeNumber(0, 0, 65_535),
  /** How many messages the local mail sink keeps, the newest. */
  RAPPORT_MAIL_SINK_MESSAGES: wholeNumber(10_000, 1, 1_000_000),
  /** Whether webhooks may go to private and loopback addresses. Default: only while the platform itself is on loopback. */
  RAPPORT_WEBHOOK_PRIVATE_ADDRESSES: z.stringbool().optional(),
  /** How long a webhook may take to answer. */
  RAPPORT_WEBHOOK_TIMEOUT: duration('15s'),
  /** Waits before the tries after the first, with commas between; their number is the number of tries less one. */
  RAPPORT_DELIVERY_RETRIES: z.string().default('5s,30s,2m,10m,1h').transform(readWaits),
  /** An event or segment entry that is older than this when it comes in is history: no journey starts on it. */
  RAPPORT_JOURNEY_MAX_AGE: duration('1d'),
  /** How long a due step waits for events that were received before it and are still on their way. */
  RAPPORT_JOURNEY_UPSTREAM_WAIT: duration('10s'),
  /** Decisions are kept this long in the ledger. */
  RAPPORT_DECISION_RETENTION: duration('90d'),
  /** What became of messages is kept this long; not less than the 30 days of `messages.requested.v1`. */
  RAPPORT_DELIVERY_RETENTION: duration('60d'),
});

/** What the orchestrator reads from the environment; names and defaults as in the schema above. */
export type OrchestratorConfig = z.output<typeof schema> & {
  /** Secrets of webhook channels, by channel name; a channel without one sends unsigned. */
  readonly webhookSecrets: ReadonlyMap<string, string>;
  /** RAPPORT_DELIVERY_RETRIES, read. */
  readonly retryWaitsMs: readonly number[];
};

export function readOrchestratorConfig(
  environment: Readonly<Record<string, string | undefined>>,
  channels: readonly ChannelDefinition[],
): OrchestratorConfig {
  const webhookSecrets = new Map<string, string>();
  for (const { name, options } of channels) {
    const variable = options?.['secretVariable'];
    const secret = variable === undefined ? undefined : environment[variable];
    if (secret !== undefined && secret !== '') webhookSecrets.set(name, secret);
  }
  const read = readConfig(schema, environment);
  return { ...read, webhookSecrets, retryWaitsMs: read.RAPPORT_DELIVERY_RETRIES };
}
