import { InvalidArgumentError, Option, type Command } from 'commander';
import { topics } from '@rapport/contracts';
import type { TopicDifference } from '@rapport/event-log';
import { RapportError } from '@rapport/kernel';
import { answer, failWhen, type CommandContext } from '../command-context.js';
import { tableOf } from '../table.js';

interface Options {
  readonly brokers?: string;
  readonly tls?: boolean;
  readonly sasl?: string;
  readonly username?: string;
  readonly replicas?: number;
}

export function addTopics(program: Command, context: CommandContext): void {
  const group = program.command('topics').description('the topics of a Kafka cluster, as they are declared');
  for (const [how, description] of [
    ['check', 'say in what the topics differ from the declarations; changes nothing'],
    ['apply', 'create what is missing and alter what can be altered without moving a record'],
  ] as const) {
    group
      .command(how)
      .description(description)
      .option('--brokers <host:port,…>', 'default: RAPPORT_KAFKA_BROKERS')
      .option('--tls', 'speak TLS; default: RAPPORT_KAFKA_TLS')
      .addOption(
        new Option('--sasl <mechanism>', 'default: RAPPORT_KAFKA_SASL').choices([
          'plain',
          'scram-sha-256',
          'scram-sha-512',
        ]),
      )
      .option(
        '--username <name>',
        'default: RAPPORT_KAFKA_USERNAME; the password is in RAPPORT_KAFKA_PASSWORD',
      )
      .option('--replicas <count>', 'copies of each partition; default: RAPPORT_KAFKA_REPLICAS', count)
      .action((options: Options) => settle(how, options, context));
  }
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 7)
    throw new InvalidArgumentError(`expected a whole number from 1 to 7; got ${text}`);
  return value;
}

async function settle(how: 'check' | 'apply', options: Options, context: CommandContext): Promise<void> {
  const environment = environmentWith(options, context.terminal.environment);
  // Loaded when asked for: the rest of the command line starts without the drivers.
  const { eventLogOptions, readHostConfig, topicDifferences } = await import('@rapport/service-host');
  const left = await topicDifferences(eventLogOptions(readHostConfig(environment)), how);
  answer(context, { ok: left.length === 0, topics: Object.values(topics), differences: left }, () =>
    left.length === 0 ? `${declared()}\nAll topics are as declared.` : report(left),
  );
  failWhen(context, left.length > 0);
}

/** What the services would read, with what the command line says over it. */
function environmentWith(
  options: Options,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const brokers = options.brokers ?? environment['RAPPORT_KAFKA_BROKERS'];
  if (!brokers) {
    throw new RapportError(
      'CLI_USAGE_BROKERS_MISSING',
      'invalid',
      'expected --brokers host:port or RAPPORT_KAFKA_BROKERS; the embedded log needs neither, it keeps its topics as declared by itself',
    );
  }
  return {
    ...environment,
    RAPPORT_EVENT_LOG: 'kafka',
    RAPPORT_KAFKA_BROKERS: brokers,
    // Only the log is opened.
    RAPPORT_DOCUMENT_STORE: 'lmdb',
    RAPPORT_HOST: '127.0.0.1',
    ...(options.tls === true ? { RAPPORT_KAFKA_TLS: 'true' } : {}),
    ...(options.sasl === undefined ? {} : { RAPPORT_KAFKA_SASL: options.sasl }),
    ...(options.username === undefined ? {} : { RAPPORT_KAFKA_USERNAME: options.username }),
    ...(options.replicas === undefined ? {} : { RAPPORT_KAFKA_REPLICAS: String(options.replicas) }),
  };
}

function declared(): string {
  return tableOf(
    ['topic', 'key', 'partitions', 'kept', 'compacted'],
    Object.values(topics).map(({ name, key, partitions, retentionMs, compacted }) => [
      name,
      key,
      String(partitions),
      retentionMs < 0 ? 'for ever' : `${retentionMs / 86_400_000} days`,
      compacted ? 'yes' : 'no',
    ]),
  );
}

function report(differences: readonly TopicDifference[]): string {
  const table = tableOf(
    ['topic', 'setting', 'is', 'should be', 'change it with'],
    differences.map(({ topic, setting, is, expected, remedy }) => [topic, setting, is, expected, remedy]),
    [{}, {}, {}, {}, { width: 60 }],
  );
  return `${table}\n${differences.length} difference${differences.length === 1 ? '' : 's'}.`;
}
