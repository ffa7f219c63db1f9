import { duration, readConfig, wholeNumber, z } from '@rapport/config';
import type { ChannelDefinition } from '@rapport/playbook';

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
  /** How long a receiver may take: to connect, to answer. A mail server may be silent three times as long. */
  RAPPORT_DELIVERY_TIMEOUT: duration('10s'),
  /** For how long a message that is not taken is tried again, with waits that double from 5 s to 15 min; then it has failed. */
  RAPPORT_DELIVERY_RETRY_FOR: duration('1d'),
  /** Messages of a channel in flight at a time, to one destination half of them; what kill -9 repeats at most. */
  RAPPORT_DELIVERY_AT_ONCE: wholeNumber(16, 1, 1000),
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
  return { ...readConfig(schema, environment), webhookSecrets };
}
