import { Kafka, logLevel, type KafkaConfig, type SASLOptions } from 'kafkajs';
import { messageOf, RapportError } from '@rapport/kernel';
import { wholeResponseSockets } from './whole-responses.js';

/** How to reach a cluster. */
export interface KafkaConnection {
  /** `host:port`, some of them; the rest of the cluster is found from there. */
  readonly brokers: readonly string[];
  readonly clientId?: string;
  /** True for the system's authorities, or PEM texts. */
  readonly tls?: boolean | { readonly ca?: string; readonly certificate?: string; readonly key?: string };
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  };
}

/** Connections come back within about half a minute, or the operation fails. */
export const patientRetry = {
  initialRetryTime: 100,
  maxRetryTime: 2_000,
  multiplier: 2,
  factor: 0.2,
  retries: 18,
} as const;
/** For what somebody waits for: a start, a check. */
export const briefRetry = {
  initialRetryTime: 100,
  maxRetryTime: 1_000,
  multiplier: 2,
  factor: 0.2,
  retries: 5,
} as const;

/** A client of its own for each use: kafkajs shares committed offsets between consumers of one client. */
export function kafkaClient(
  { brokers, clientId, tls, sasl }: KafkaConnection,
  retry: KafkaConfig['retry'] = patientRetry,
  onRefusal?: (said: string) => void,
): Kafka {
  return new Kafka({
    brokers: [...brokers],
    clientId: clientId ?? 'rapport',
    connectionTimeout: 5_000,
    authenticationTimeout: 10_000,
    requestTimeout: 15_000,
    socketFactory: wholeResponseSockets,
    // Failures reach callers and onFailure; the client's own log repeats them for every attempt.
    // A refusal that the client repeats by itself is told nowhere else.
    ...(onRefusal === undefined
      ? { logLevel: logLevel.NOTHING }
      : {
          logLevel: logLevel.ERROR,
          logCreator: () => (entry) => {
            const { error, message } = entry.log as { readonly error?: unknown; readonly message: string };
            onRefusal(typeof error === 'string' ? error : message);
          },
        }),
    ...(retry === undefined ? {} : { retry }),
    ...(tls === undefined || tls === false ? {} : { ssl: tls === true ? true : tlsOptions(tls) }),
    ...(sasl === undefined ? {} : { sasl: sasl as SASLOptions }),
  });
}

function tlsOptions(tls: { readonly ca?: string; readonly certificate?: string; readonly key?: string }): {
  ca?: string;
  cert?: string;
  key?: string;
} {
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  };
}

/** What stands behind kafkajs' wrappers. */
function causes(thrown: unknown): { name: string; type: string; message: string }[] {
  const found: { name: string; type: string; message: string }[] = [];
  for (let each = thrown; each instanceof Error && found.length < 10; each = each.cause) {
    found.push({ name: each.name, type: 'type' in each ? String(each.type) : '', message: each.message });
  }
  return found;
}

const tooFewReplicas =
  'fewer replicas are in sync than the topic asks for (min.insync.replicas): bring the missing brokers back, or see rapport topics check';

/** A refusal that is being repeated, in our words where we have better ones. */
export function refusalOf(said: string, { brokers }: KafkaConnection): string {
  return /in-sync replicas/i.test(said)
    ? `EVENT_LOG_TOO_FEW_REPLICAS: ${tooFewReplicas}`
    : `Kafka at ${brokers.join(', ')}: ${said}`;
}

/** One clear line for what went wrong between us and the cluster. */
export function kafkaError(
  thrown: unknown,
  connection: KafkaConnection,
  otherwise = 'EVENT_LOG_UNREACHABLE',
): RapportError {
  if (thrown instanceof RapportError) return thrown;
  const all = causes(thrown);
  const said = all.map(({ message }) => message).join(': ') || messageOf(thrown);
  const where = connection.brokers.join(', ');
  if (
    all.some(
      ({ name, message }) =>
        name === 'KafkaJSSASLAuthenticationError' || /SASL .* authentication failed/i.test(message),
    )
  ) {
    return new RapportError(
      'EVENT_LOG_AUTHENTICATION_FAILED',
      'unauthenticated',
      `Kafka at ${where} refused the user, the password or the mechanism (${connection.sasl?.mechanism ?? 'none given'}): check the SASL settings`,
    );
  }
  if (all.some(({ type }) => type === 'INVALID_REPLICATION_FACTOR')) {
    return new RapportError(
      'EVENT_LOG_TOO_FEW_BROKERS',
      'unavailable',
      `the cluster at ${where} has fewer brokers than replicas were asked for: start more brokers, or ask for fewer replicas`,
      said,
    );
  }
  if (all.some(({ type }) => type === 'NOT_ENOUGH_REPLICAS' || type === 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'))
    return new RapportError('EVENT_LOG_TOO_FEW_REPLICAS', 'unavailable', tooFewReplicas, said);
  if (otherwise !== 'EVENT_LOG_UNREACHABLE') return new RapportError(otherwise, 'unavailable', said);
  return new RapportError(
    'EVENT_LOG_UNREACHABLE',
    'unavailable',
    `no Kafka broker answered at ${where}: check RAPPORT_KAFKA_BROKERS, TLS, and that the brokers run`,
    said,
  );
}
