import { duration, flag, readConfig, wholeNumber, z } from '@rapport/config';
import { RapportError } from '@rapport/kernel';
import { proxyProblem } from './client-address.js';

const schema = z.object({
  /** Address that HTTP, gRPC and metrics bind to; anything beyond loopback needs configured credentials. */
  RAPPORT_HOST: z.string().default('127.0.0.1'),
  /**
   * Proxies whose X-Forwarded-For is believed: addresses, networks (10.0.0.0/8), loopback, linklocal, uniquelocal,
   * comma between. Absent: nobody's, the address of a client is that of its connection. gRPC has no such header.
   */
  RAPPORT_TRUSTED_PROXIES: z.string().default(''),
  /**
   * HTTP connections at once. Beyond it those end over which no server key or API token came, the oldest first; so it
   * has to be below what the system lets a process open (`ulimit -n`).
   */
  RAPPORT_HTTP_MAX_CONNECTIONS: wholeNumber(8192, 16, 1_000_000),
  /** 0 picks a free one. */
  RAPPORT_HTTP_PORT: wholeNumber(8080, 0, 65535),
  RAPPORT_GRPC_PORT: wholeNumber(9090, 0, 65535),
  RAPPORT_METRICS_PORT: wholeNumber(9464, 0, 65535),
  /** Bytes of gRPC requests that are on their way in at once; beyond it large ones are answered RESOURCE_EXHAUSTED. */
  RAPPORT_GRPC_MAX_IN_FLIGHT_BYTES: wholeNumber(256 << 20, 1 << 16, 4096 * (1 << 20)),
  /** How long a gRPC client may take to send a request message. */
  RAPPORT_GRPC_MESSAGE_TIMEOUT: duration('30s'),
  /** How long a gRPC client may take nothing of an answer before it is cut off. */
  RAPPORT_GRPC_WRITE_TIMEOUT: duration('30s'),
  /** PEM files: the certificate (with its chain) and its key; then HTTP, gRPC and metrics speak TLS only. Absent: no TLS. */
  RAPPORT_TLS_CERT_FILE: z.string().optional(),
  RAPPORT_TLS_KEY_FILE: z.string().optional(),
  /** PEM file: whose certificates are believed, of services that are called and of callers. Absent: the system's. */
  RAPPORT_TLS_CA_FILE: z.string().optional(),
  /** `require`: gRPC callers must show a certificate that RAPPORT_TLS_CA_FILE signed; services show theirs to each other. */
  RAPPORT_TLS_CLIENT_AUTH: z.enum(['none', 'require']).default('none'),
  RAPPORT_DATA_DIR: z.string().default('./data'),
  RAPPORT_PLAYBOOK_DIR: z.string().default('./playbook'),
  RAPPORT_EVENT_LOG: z.enum(['lmdb', 'kafka']).default('lmdb'),
  /** host:port pairs, comma between; needed with kafka. */
  RAPPORT_KAFKA_BROKERS: z.string().optional(),
  RAPPORT_KAFKA_TLS: flag(false),
  /** plain, scram-sha-256 or scram-sha-512; absent: no authentication. */
  RAPPORT_KAFKA_SASL: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).optional(),
  RAPPORT_KAFKA_USERNAME: z.string().optional(),
  RAPPORT_KAFKA_PASSWORD: z.string().optional(),
  /** Copies of each partition; absent: 3, or as many as there are brokers. */
  RAPPORT_KAFKA_REPLICAS: z.coerce.number().int().min(1).max(7).optional(),
  /** Copies that must have a record before it is acknowledged; absent: one less than there are replicas, at least 1. */
  RAPPORT_KAFKA_MIN_IN_SYNC: z.coerce.number().int().min(1).max(7).optional(),
  /** A consumer that is silent for so long is taken for dead, and others take over its partitions. */
  RAPPORT_KAFKA_SESSION_TIMEOUT: duration('10s'),
  /**
   * The name of this process among the replicas of its service, the same after a restart (a StatefulSet's pod name):
   * it then takes its place in the consumer groups at once. Absent: after the session of the one before has ended.
   */
  RAPPORT_INSTANCE: z.string().min(1).max(100).optional(),
  /** At start: `check` refuses topics that are not as declared, `apply` makes them so where that moves no record. */
  RAPPORT_TOPICS: z.enum(['check', 'apply']).default('check'),
  RAPPORT_DOCUMENT_STORE: z.enum(['lmdb', 'mongodb']).default('lmdb'),
  /** mongodb://…; needed with mongodb. */
  RAPPORT_MONGODB_URI: z.string().optional(),
  /** Tokens with roles, made by `rapport token`; default: tokens.json in the data folder. Read again when it changes. */
  RAPPORT_API_TOKENS_FILE: z.string().optional(),
  RAPPORT_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** `virtual`: time stands still until POST /v1/clock moves it; for tests and simulation. */
  RAPPORT_CLOCK: z.enum(['system', 'virtual']).default('system'),
  /** ISO 8601; where a virtual clock starts. */
  RAPPORT_CLOCK_START: z.iso.datetime().default('2026-01-01T00:00:00Z'),
  /** OTLP/HTTP collector for traces, for example http://127.0.0.1:4318; absent: no tracing. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
  /** How long a stop may take before what is left is cut. */
  RAPPORT_STOP_GRACE: duration('10s'),
});

/** Where tokens are kept in the data folder. */
export const tokensFileName = 'tokens.json';

/** Shorter tokens are guessed where everybody may try. */
const minTokenLength = 16;

export type HostConfig = ReturnType<typeof readHostConfig>;

/** What every process reads, whichever rooms it hosts. Throws CONFIG_INVALID with all problems at once. */
export function readHostConfig(environment: Readonly<Record<string, string | undefined>>) {
  const read = readConfig(schema, environment);
  const problems: string[] = [];
  if (read.RAPPORT_EVENT_LOG === 'kafka' && read.RAPPORT_KAFKA_BROKERS === undefined) {
    problems.push(
      'RAPPORT_KAFKA_BROKERS: expected host:port pairs because RAPPORT_EVENT_LOG=kafka; got nothing',
    );
  }
  if (read.RAPPORT_DOCUMENT_STORE === 'mongodb' && read.RAPPORT_MONGODB_URI === undefined) {
    problems.push(
      'RAPPORT_MONGODB_URI: expected mongodb://… because RAPPORT_DOCUMENT_STORE=mongodb; got nothing',
    );
  }
  if (
    read.RAPPORT_KAFKA_SASL !== undefined &&
    (!read.RAPPORT_KAFKA_USERNAME || !read.RAPPORT_KAFKA_PASSWORD)
  ) {
    problems.push(
      'RAPPORT_KAFKA_USERNAME, RAPPORT_KAFKA_PASSWORD: expected both because RAPPORT_KAFKA_SASL is set',
    );
  }
  const { RAPPORT_TLS_CERT_FILE: cert, RAPPORT_TLS_KEY_FILE: key, RAPPORT_TLS_CA_FILE: ca } = read;
  if ((cert === undefined) !== (key === undefined)) {
    problems.push(
      `RAPPORT_TLS_CERT_FILE, RAPPORT_TLS_KEY_FILE: expected both or none; got only ${cert === undefined ? 'the key' : 'the certificate'}`,
    );
  }
  if (read.RAPPORT_TLS_CLIENT_AUTH === 'require' && (cert === undefined || ca === undefined)) {
    problems.push(
      'RAPPORT_TLS_CERT_FILE, RAPPORT_TLS_CA_FILE: expected both because RAPPORT_TLS_CLIENT_AUTH=require',
    );
  }
  const loopback = ['127.0.0.1', 'localhost', '::1'].includes(read.RAPPORT_HOST);
  if (!loopback && (!environment['RAPPORT_WRITE_KEYS'] || !environment['RAPPORT_API_TOKEN'])) {
    problems.push(
      `RAPPORT_HOST: ${read.RAPPORT_HOST} is reachable from elsewhere, so RAPPORT_WRITE_KEYS and RAPPORT_API_TOKEN must be set`,
    );
  }
  const token = environment['RAPPORT_API_TOKEN'] ?? '';
  if (!loopback && token !== '' && token.length < minTokenLength) {
    problems.push(
      `RAPPORT_API_TOKEN: expected at least ${minTokenLength} characters because ${read.RAPPORT_HOST} is reachable from elsewhere; got ${token.length}. Make one with: openssl rand -base64 24`,
    );
  }
  const trustedProxies = read.RAPPORT_TRUSTED_PROXIES.split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  problems.push(...trustedProxies.map(proxyProblem).filter((problem) => problem !== undefined));
  if (problems.length > 0) {
    throw new RapportError(
      'CONFIG_INVALID',
      'invalid',
      `the configuration has ${problems.length} problem(s):\n  ${problems.join('\n  ')}`,
    );
  }
  return { ...read, loopback, trustedProxies };
}
