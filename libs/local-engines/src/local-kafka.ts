import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { freePorts } from './free-ports.js';
import { KeptProcess, listens, thisProcess, untilReady, type Owner } from './kept-process.js';
import { provisionKafka } from './provision.js';
import { repositoryRoot } from './repository-root.js';

const run = promisify(execFile);
const readyMs = 90_000;

export interface LocalKafkaOptions {
  /** Data that outlives the process; a temporary folder that `dispose` removes where absent. */
  readonly folder?: string;
  /** The folder that was named goes too when the owner is gone. */
  readonly temporary?: boolean;
  /** A free one where absent. */
  readonly port?: number;
  /** Clients that come in by `proxiedPort` are told to go on to this port: the door of a proxy in front of it. */
  readonly advertisedProxyPort?: number;
  /** A second door that asks for SASL, with these users (PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512). */
  readonly users?: Readonly<Record<string, string>>;
  /** The second door speaks TLS, with a certificate made for 127.0.0.1. */
  readonly tls?: boolean;
  /** More broker properties, over the defaults. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Starts quickly and runs a little slower; default true. */
  readonly quickStart?: boolean;
  /** Joins the cluster of another broker, as its second node, instead of being one of its own. */
  readonly joins?: LocalKafka['cluster'];
  readonly owner?: Owner;
  /** Gives up a start that still goes on. */
  readonly stopped?: AbortSignal | undefined;
}

/** A real broker on this machine: a cluster of one node, which others may join. */
export interface LocalKafka {
  /** `127.0.0.1:port`, without authentication. */
  readonly brokers: readonly string[];
  /** The door behind the proxy (see `advertisedProxyPort`). */
  readonly proxiedPort: number;
  /** The door that asks for SASL, over TLS where certificates were given. */
  readonly securePort: number;
  /** What clients of the TLS door have to trust, as PEM; empty without `tls`. */
  readonly certificate: string;
  /** What a second broker needs to join. */
  readonly cluster: { readonly id: string; readonly controllerPort: number };
  readonly folder: string;
  readonly pid: number | undefined;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Stops it and removes a temporary folder. */
  dispose(): Promise<void>;
}

/** Provisions, formats, starts, and waits until a record went in and a group coordinator answers. */
export async function startKafka(options: LocalKafkaOptions = {}): Promise<LocalKafka> {
  const classPath = await provisionKafka(options.stopped);
  // The engine runs there: whoever asks may name it from where they stand.
  const folder = resolve(options.folder ?? (await mkdtemp(join(tmpdir(), 'rapport-kafka-'))));
  mkdirSync(folder, { recursive: true });
  const [port = 0, proxiedPort = 0, securePort = 0, controllerPort = 0] = await freePorts(4);
  const ports = {
    client: options.port ?? port,
    proxied: proxiedPort,
    secure: securePort,
    controller: options.joins?.controllerPort ?? controllerPort,
  };
  const certificate = options.tls === true ? await makeCertificate(folder) : '';
  const properties = join(folder, 'server.properties');
  writeFileSync(properties, propertiesOf(options, folder, ports));
  const stored = join(folder, 'data/meta.properties');
  if (!existsSync(stored)) await format(classPath, folder, properties, options);
  const id = /^cluster\.id=(.*)$/m.exec(readFileSync(stored, 'utf8'))?.[1] ?? '';
  const process = new KeptProcess({
    command: 'java',
    args: [...jvmOptions(options.quickStart ?? true), '-cp', classPath, 'kafka.Kafka', properties],
    folder,
    name: 'kafka',
    owner: options.owner ?? thisProcess(),
    remove: options.folder === undefined || options.temporary === true ? [folder] : [],
  });
  const brokers = [`127.0.0.1:${ports.client}`];
  const start = async (): Promise<void> => {
    process.start();
    await untilReady(process, 'Kafka', readyMs, () => listens(ports.client), options.stopped);
    await untilReady(process, 'Kafka', readyMs, () => answers(brokers), options.stopped);
  };
  await start();
  return {
    brokers,
    proxiedPort,
    securePort,
    certificate,
    cluster: { id, controllerPort: ports.controller },
    folder,
    get pid() {
      return process.pid;
    },
    start,
    stop: () => process.stop(),
    kill: async () => {
      process.signal('SIGKILL');
      await process.untilEnded();
    },
    pause: () => process.signal('SIGSTOP'),
    resume: () => process.signal('SIGCONT'),
    dispose: async () => {
      await process.stop();
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Ports {
  readonly client: number;
  readonly proxied: number;
  readonly secure: number;
  readonly controller: number;
}

function propertiesOf(options: LocalKafkaOptions, folder: string, ports: Ports): string {
  const secure = options.users !== undefined || options.tls === true;
  const controller = options.joins === undefined ? `,CONTROLLER://127.0.0.1:${ports.controller}` : '';
  const properties: Record<string, string> = {
    'process.roles': options.joins === undefined ? 'broker,controller' : 'broker',
    'node.id': options.joins === undefined ? '1' : '2',
    'controller.quorum.bootstrap.servers': `127.0.0.1:${ports.controller}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'CLIENT',
    listeners: `CLIENT://127.0.0.1:${ports.client},PROXIED://127.0.0.1:${ports.proxied}${controller}${secure ? `,SECURE://127.0.0.1:${ports.secure}` : ''}`,
    'advertised.listeners': `CLIENT://127.0.0.1:${ports.client},PROXIED://127.0.0.1:${options.advertisedProxyPort ?? ports.proxied}${secure ? `,SECURE://127.0.0.1:${ports.secure}` : ''}`,
    'listener.security.protocol.map': `CLIENT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:${options.users === undefined ? 'SSL' : options.tls === true ? 'SASL_SSL' : 'SASL_PLAINTEXT'}`,
    'log.dirs': join(folder, 'data'),
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'auto.create.topics.enable': 'false',
    'num.network.threads': '2',
    'num.io.threads': '4',
    'log.cleaner.dedupe.buffer.size': '2097152',
  };
  if (options.users !== undefined) Object.assign(properties, saslProperties(options.users));
  if (options.tls === true) Object.assign(properties, tlsProperties(folder));
  Object.assign(properties, options.properties);
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function saslProperties(users: Readonly<Record<string, string>>): Record<string, string> {
  const plain = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`);
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.secure.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required ${plain.join(' ')};`,
    'listener.name.secure.scram-sha-256.sasl.jaas.config': scram,
    'listener.name.secure.scram-sha-512.sasl.jaas.config': scram,
  };
}

const keystorePassword = 'only-for-this-folder';

/** The JRE's own tool makes key and certificate; answers the certificate as PEM. */
async function makeCertificate(folder: string): Promise<string> {
  const store = [
    '-keystore',
    join(folder, 'server.p12'),
    '-storetype',
    'PKCS12',
    '-storepass',
    keystorePassword,
    '-alias',
    'server',
  ];
  const subject = [
    '-dname',
    'CN=127.0.0.1',
    '-ext',
    'san=ip:127.0.0.1,dns:localhost',
    '-validity',
    '30',
    '-keyalg',
    'EC',
  ];
  await run('keytool', ['-genkeypair', ...store, ...subject], { timeout: readyMs });
  const { stdout } = await run('keytool', ['-exportcert', '-rfc', ...store], { timeout: readyMs });
  return stdout;
}

function tlsProperties(folder: string): Record<string, string> {
  return {
    'listener.name.secure.ssl.keystore.type': 'PKCS12',
    'listener.name.secure.ssl.keystore.location': join(folder, 'server.p12'),
    'listener.name.secure.ssl.keystore.password': keystorePassword,
    'listener.name.secure.ssl.client.auth': 'none',
  };
}

async function format(
  classPath: string,
  folder: string,
  properties: string,
  { users = {}, joins }: LocalKafkaOptions,
): Promise<void> {
  const scram = Object.entries(users).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  );
  const id = joins?.id ?? Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
  await run(
    'java',
    [
      ...jvmOptions(true),
      '-cp',
      classPath,
      'kafka.tools.StorageTool',
      'format',
      joins === undefined ? '--standalone' : '--no-initial-controllers',
      // In one word: an id may begin with a dash.
      `--cluster-id=${id}`,
      '-c',
      properties,
      ...scram,
    ],
    {
      cwd: folder,
      timeout: readyMs,
    },
  );
}

function jvmOptions(quickStart: boolean): string[] {
  const quick = quickStart ? ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'] : [];
  return [
    '-Xmx512m',
    ...quick,
    `-Dlog4j2.configurationFile=${join(repositoryRoot, 'infra/local/log4j2.properties')}`,
  ];
}

const probe = 'rapport-readiness';

/** One record in and out: until then coordinators may still be loading. */
async function answers(brokers: readonly string[]): Promise<boolean> {
  const client = new Kafka({
    brokers: [...brokers],
    clientId: probe,
    logLevel: logLevel.NOTHING,
    retry: { retries: 1 },
    connectionTimeout: 2000,
    requestTimeout: 5000,
  });
  const admin = client.admin();
  const producer = client.producer({ idempotent: true });
  try {
    await admin.connect();
    if (!(await admin.listTopics()).includes(probe))
      await admin.createTopics({
        topics: [{ topic: probe, numPartitions: 1, replicationFactor: 1 }],
        waitForLeaders: true,
      });
    await producer.connect();
    await producer.send({ topic: probe, messages: [{ value: 'ready?' }] });
    const [high] = await admin.fetchTopicOffsets(probe);
    await admin.setOffsets({ groupId: probe, topic: probe, partitions: [{ partition: 0, offset: '0' }] });
    return Number(high?.high) > 0;
  } finally {
    await producer.disconnect();
    await admin.disconnect();
  }
}
