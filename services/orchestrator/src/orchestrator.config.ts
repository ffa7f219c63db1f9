import { duration, readConfig, wholeNumber, z } from '@rapport/config';
import { RapportError } from '@rapport/kernel';
import type { ChannelDefinition } from '@rapport/playbook';
import type { LinkSecret } from './ports/content-renderer.js';

const minLinkAgeMs = 30 * 86_400_000;

function readSecrets(
  text: string | undefined,
  context: z.RefinementCtx,
): readonly [LinkSecret, ...LinkSecret[]] | undefined {
  const secrets = (text ?? '').split(',').flatMap((pair): LinkSecret[] => {
    const [, id, secret] = /^\s*([\w-]{1,16})=(\S{32,})\s*$/.exec(pair) ?? [];
    return id === undefined || secret === undefined ? [] : [{ id, secret }];
  });
  if (text === undefined) return undefined;
  const [first, ...others] = secrets;
  const ids = new Set(secrets.map(({ id }) => id));
  if (first !== undefined && ids.size === text.split(',').length) return [first, ...others];
  context.addIssue({
    code: 'custom',
    message:
      'expected id=secret pairs with commas between, the newest first: ids of 1 to 16 letters, digits, - and _, each once; secrets of at least 32 characters, for example 2026a=$(openssl rand -hex 32)',
  });
  return z.NEVER;
}

const schema = z.object({
  /** Where what nobody configured is kept: embedded engines, credentials, secrets. */
  RAPPORT_DATA_DIR: z.string().default('./data'),
  /**
   * Where this platform is reached from outside: unsubscribe links begin with it. Default: this machine and the HTTP
   * port. Needed with RAPPORT_SMTP_URL, and then https (RFC 8058) unless it is this machine.
   */
  RAPPORT_PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** Where `{{ link }}` in content leads; the decision's id is added. */
  RAPPORT_SHOP_URL: z.url().default('https://shop.example/'),
  /**
   * Sign unsubscribe links: `id=secret` with commas between, each secret at least 32 characters. The first signs, all
   * are believed; keep an old one as long as links are good. Default: made on the first start, in `secrets.json` of the
   * data folder. Needed beyond loopback with MongoDB: replicas share no data folder.
   */
  RAPPORT_UNSUBSCRIBE_SECRETS: z.string().optional().transform(readSecrets),
  /** How long unsubscribe links are good; not less than the 30 days that CAN-SPAM asks for. */
  RAPPORT_UNSUBSCRIBE_LINK_AGE: duration('400d'),
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
  /** The variable with the secret of each webhook channel, by channel name; undefined: not set. */
  readonly webhookSecrets: ReadonlyMap<string, { readonly variable: string; readonly secret?: string }>;
};

/** The variable of a webhook channel that names none. */
const webhookVariable = 'RAPPORT_WEBHOOK_SECRET';
const thisMachine = ['127.0.0.1', 'localhost', '[::1]'];

/**
 * Reads what the orchestrator needs; throws CONFIG_INVALID with all problems at once. `loopback`: nothing is meant to be
 * public, so secrets that are missing may be made.
 */
export function readOrchestratorConfig(
  environment: Readonly<Record<string, string | undefined>>,
  channels: readonly ChannelDefinition[],
  loopback: boolean,
): OrchestratorConfig {
  const read = readConfig(schema, environment);
  const webhookSecrets = new Map(
    channels
      .filter(({ kind }) => kind === 'webhook')
      .map(({ name, options }) => {
        const variable = options?.['secretVariable'] ?? webhookVariable;
        const secret = environment[variable];
        return [name, { variable, ...(secret === undefined || secret === '' ? {} : { secret }) }] as const;
      }),
  );
  const config = { ...read, webhookSecrets };
  const problems = [
    ...linkProblems(config, environment, channels, loopback),
    ...(loopback ? [] : webhookProblems(webhookSecrets)),
  ];
  if (problems.length === 0) return config;
  throw new RapportError(
    'CONFIG_INVALID',
    'invalid',
    `the configuration has ${problems.length} problem(s):\n  ${problems.join('\n  ')}`,
  );
}

function linkProblems(
  config: z.output<typeof schema>,
  environment: Readonly<Record<string, string | undefined>>,
  channels: readonly ChannelDefinition[],
  loopback: boolean,
): readonly string[] {
  const problems: string[] = [];
  if (config.RAPPORT_SMTP_URL !== undefined && config.RAPPORT_PUBLIC_URL === undefined) {
    problems.push(
      'RAPPORT_PUBLIC_URL: expected the address at which people reach this platform (https://…) because RAPPORT_SMTP_URL sends mail to them; got nothing, so unsubscribe links would lead nowhere',
    );
  }
  if (config.RAPPORT_SMTP_URL !== undefined && config.RAPPORT_PUBLIC_URL !== undefined) {
    const { protocol, hostname } = new URL(config.RAPPORT_PUBLIC_URL);
    if (protocol !== 'https:' && !thisMachine.includes(hostname)) {
      problems.push(
        `RAPPORT_PUBLIC_URL: expected https:// because RAPPORT_SMTP_URL is set: mail programs unsubscribe with one click over https only (RFC 8058); got ${protocol}//`,
      );
    }
  }
  if (config.RAPPORT_UNSUBSCRIBE_LINK_AGE < minLinkAgeMs)
    problems.push('RAPPORT_UNSUBSCRIBE_LINK_AGE: expected at least 30d; got less');
  if (environment['RAPPORT_UNSUBSCRIBE_SECRET']) {
    problems.push(
      'RAPPORT_UNSUBSCRIBE_SECRET: is RAPPORT_UNSUBSCRIBE_SECRETS now, with an id before each secret: 1=<secret of at least 32 characters>',
    );
  }
  const isShared = environment['RAPPORT_DOCUMENT_STORE'] === 'mongodb';
  const mails = channels.some(({ kind }) => kind === 'email');
  if (mails && isShared && !loopback && config.RAPPORT_UNSUBSCRIBE_SECRETS === undefined) {
    problems.push(
      "RAPPORT_UNSUBSCRIBE_SECRETS: expected id=secret pairs because replicas share no data folder and each must know the others' links, for example 2026a=$(openssl rand -hex 32); got nothing",
    );
  }
  return problems;
}

const webhookProblems = (secrets: OrchestratorConfig['webhookSecrets']): readonly string[] =>
  [...secrets].flatMap(([channel, { variable, secret }]) =>
    secret === undefined
      ? `${variable}: expected the secret that signs the webhooks of channel ${channel}, for example whsec_$(openssl rand -base64 32); got nothing, and unsigned webhooks are not sent`
      : [],
  );
