import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { topics } from '@rapport/contracts';
import { openKafkaEventLog, openLmdbEventLog, type EventLog } from '@rapport/event-log';
import {
  freePorts,
  startKafka,
  startMongo,
  startTcpProxy,
  type LocalKafka,
  type LocalMongo,
  type TcpProxy,
} from '@rapport/local-engines';
import {
  pause,
  recordedIn,
  sendSome,
  startService,
  until,
  untilReady,
  untilTaken,
  waitingFor,
  type ServiceProcess,
} from '../service-process.js';

describe('when an engine does not do its part', () => {
  let kafka: LocalKafka;
  let mongo: LocalMongo;
  let toKafka: TcpProxy;
  let toMongo: TcpProxy;
  let log: EventLog;
  const folders: string[] = [];
  const running: ServiceProcess[] = [];

  beforeAll(async () => {
    toKafka = await startTcpProxy(() => kafka.proxiedPort);
    toMongo = await startTcpProxy(() => mongo.port);
    [kafka, mongo] = await Promise.all([
      startKafka({ users: { rapport: 'right' }, advertisedProxyPort: toKafka.port }),
      startMongo({
        syncOnCommit: false,
        users: {
          writer: { password: 'right', role: 'readWrite' },
          reader: { password: 'right', role: 'read' },
        },
      }),
    ]);
  }, 180_000);
  afterEach(async () => {
    toKafka.accept();
    toMongo.accept();
    for (const { child, ended } of running.splice(0)) {
      child.kill('SIGKILL');
      await ended;
    }
  });
  afterAll(async () => {
    await log?.close();
    for (const proxy of [toKafka, toMongo]) await proxy.close();
    await Promise.all([kafka.dispose(), mongo.dispose()]);
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });

  const storeUri = (user: string, password = 'right', port = mongo.port): string =>
    `mongodb://${user}:${password}@127.0.0.1:${port}/rapport?authSource=admin&directConnection=true`;
  async function start(
    service: string,
    environment: Readonly<Record<string, string>> = {},
    limits = '',
  ): Promise<ServiceProcess> {
    const dataDir = await mkdtemp(join(tmpdir(), 'rapport-faults-'));
    folders.push(dataDir);
    const started = startService(
      service,
      {
        RAPPORT_DATA_DIR: dataDir,
        RAPPORT_EVENT_LOG: 'kafka',
        RAPPORT_KAFKA_BROKERS: kafka.brokers.join(),
        RAPPORT_DOCUMENT_STORE: 'mongodb',
        RAPPORT_MONGODB_URI: storeUri('writer'),
        ...environment,
      },
      limits,
    );
    running.push(started);
    return started;
  }

  const free = async (): Promise<number> => (await freePorts(1))[0] ?? 0;
  const secure = { RAPPORT_KAFKA_SASL: 'scram-sha-256', RAPPORT_KAFKA_USERNAME: 'rapport' };
  const wrongAtStart: readonly {
    readonly what: string;
    readonly environment: () => Promise<Record<string, string>> | Record<string, string>;
    readonly says: readonly string[];
  }[] = [
    {
      what: 'no broker at the address',
      environment: async () => ({ RAPPORT_KAFKA_BROKERS: `127.0.0.1:${await free()}` }),
      says: ['EVENT_LOG_UNREACHABLE', 'no Kafka broker answered at 127.0.0.1:', 'RAPPORT_KAFKA_BROKERS'],
    },
    {
      what: 'a wrong Kafka password',
      environment: () => ({
        ...secure,
        RAPPORT_KAFKA_BROKERS: `127.0.0.1:${kafka.securePort}`,
        RAPPORT_KAFKA_PASSWORD: 'hunter2',
      }),
      says: ['EVENT_LOG_AUTHENTICATION_FAILED', 'scram-sha-256', 'check the SASL settings'],
    },
    {
      what: 'topics that are missing',
      environment: () => ({}),
      says: ['EVENT_LOG_TOPIC_MISMATCH', 'topic is missing, expected there; rapport topics apply'],
    },
    {
      what: 'fewer brokers than replicas',
      environment: () => ({ RAPPORT_KAFKA_REPLICAS: '3', RAPPORT_TOPICS: 'apply' }),
      says: ['EVENT_LOG_TOO_FEW_BROKERS', '3 replicas', 'has 1 broker(s)', 'start more brokers'],
    },
    {
      what: 'no store at the address',
      environment: async () => ({
        RAPPORT_TOPICS: 'apply',
        RAPPORT_MONGODB_URI: `${storeUri('writer', 'right', await free())}&serverSelectionTimeoutMS=1000`,
      }),
      says: ['DOCUMENT_STORE_UNREACHABLE', 'no MongoDB that takes writes answered at 127.0.0.1:'],
    },
    {
      what: 'a wrong store password',
      environment: () => ({ RAPPORT_MONGODB_URI: storeUri('writer', 'hunter2') }),
      says: ['DOCUMENT_STORE_AUTHENTICATION_FAILED', 'RAPPORT_MONGODB_URI'],
    },
    {
      what: 'a store user who may only read',
      environment: () => ({ RAPPORT_MONGODB_URI: storeUri('reader') }),
      says: ['DOCUMENT_STORE_FORBIDDEN', 'give it the role readWrite'],
    },
    {
      what: 'fewer replicas than asked for',
      environment: () => ({ RAPPORT_KAFKA_REPLICAS: '2' }),
      says: ['EVENT_LOG_TOPIC_MISMATCH', 'replicas is 1, expected 2; by hand: kafka-reassign-partitions.sh'],
    },
  ];

  it.each(wrongAtStart)('the start ends with one clear line: $what', async ({ environment, says }) => {
    const service = await start('identity', await environment());
    const code = await Promise.race([service.ended, pause(25_000).then(() => 'still running')]);
    const output = service.output();
    expect([code, output]).toEqual([1, expect.stringContaining('identity did not start: ')]);
    for (const part of says) expect(output).toContain(part);
    // One line per thing that is wrong, and nothing else.
    expect(output.trim().split('\n').length).toBeLessThanOrEqual(1 + Object.keys(topics).length);
    expect(output).not.toContain('hunter2');
  });

  it.each([
    { what: 'is a file', limits: '', file: true, says: /DATA_DIR_UNWRITABLE.*(EEXIST|ENOTDIR)/ },
    {
      what: 'is on a full disk',
      limits: 'ulimit -f 8;',
      file: false,
      says: /DATA_DIR_UNWRITABLE.*file too large.*Free space/,
    },
  ])('the embedded engines say it when their folder $what', async ({ limits, file, says }) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'rapport-faults-'));
    folders.push(dataDir);
    const path = join(dataDir, 'data');
    if (file) await writeFile(path, 'not a folder');
    const environment = {
      RAPPORT_EVENT_LOG: 'lmdb',
      RAPPORT_DOCUMENT_STORE: 'lmdb',
      RAPPORT_DATA_DIR: path,
    };
    const service = await start('identity', environment, limits);
    const code = await Promise.race([service.ended, pause(25_000).then(() => 'still running')]);
    expect([code, service.output()]).toEqual([1, expect.stringMatching(says)]);
    expect(service.output()).toContain(path);
    expect(service.output().trim().split('\n').length).toBeLessThanOrEqual(2);
  });

  const untilWaiting = (url: string, says: RegExp): Promise<string> =>
    until(`readiness says ${String(says)}`, async () =>
      (await waitingFor(url)).find((line) => says.test(line)),
    );
  /** Processor time that a process took, in ms. */
  const cpuMs = (pid: number | undefined): number => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10;
  };
  /** Neither log lines nor processor time pour out while nothing can be done. */
  const expectCalm = async (services: readonly ServiceProcess[]): Promise<void> => {
    const before = services.map(({ child, output }) => ({
      cpu: cpuMs(child.pid),
      lines: output().split('\n').length,
    }));
    await pause(4_000);
    services.forEach(({ child, output }, at) => {
      expect(cpuMs(child.pid) - (before[at]?.cpu ?? 0)).toBeLessThan(1_600);
      expect(output().split('\n').length - (before[at]?.lines ?? 0)).toBeLessThan(60);
    });
  };
  it('refuses events while the disk of the embedded log is full, and goes on when it is not', async () => {
    const embedded = { RAPPORT_EVENT_LOG: 'lmdb', RAPPORT_DOCUMENT_STORE: 'lmdb' };
    // A file may grow to 1 MiB; only the soft limit, so that it can be lifted.
    const service = await start('ingestion', embedded, 'ulimit -S -f 2048;');
    const url = await service.url();
    const acknowledged: string[] = [];
    for (let got = await sendSome(url, 200); got.length > 0; got = await sendSome(url, 200))
      acknowledged.push(...got);
    expect(acknowledged.length).toBeGreaterThan(0);
    await untilWaiting(url, /event log, events\.accepted\.v1: EVENT_LOG_WRITE_FAILED: .*free space/);
    await expectCalm([service]);
    execFileSync('prlimit', ['--pid', String(service.child.pid), '--fsize=unlimited:']);
    acknowledged.push(...(await untilTaken(url)));
    await untilReady(url);
    service.child.kill('SIGKILL');
    await service.ended;
    const left = await openLmdbEventLog({ path: join(folders.at(-1) ?? '', 'log') });
    const kept = await recordedIn(left, topics.accepted);
    await left.close();
    expect(new Set(kept).size).toBe(kept.length);
    const keptIds = new Set(kept);
    expect(acknowledged.filter((id) => !keptIds.has(id))).toEqual([]);
  }, 120_000);

  it('keeps what was acknowledged and says why it takes no more: a store and a broker that are away', async () => {
    log = await openKafkaEventLog({ brokers: kafka.brokers });
    const environment = {
      RAPPORT_TOPICS: 'apply',
      RAPPORT_KAFKA_BROKERS: `127.0.0.1:${toKafka.port}`,
      RAPPORT_MONGODB_URI: storeUri('writer', 'right', toMongo.port),
    };
    const services = [await start('ingestion', environment), await start('identity', environment)] as const;
    const [door, identity] = await Promise.all(services.map(({ url }) => url()));
    if (door === undefined || identity === undefined) throw new Error('not started');
    await Promise.all([untilReady(door), untilReady(identity)]);
    const acknowledged = await sendSome(door);
    expect(acknowledged).toHaveLength(5);

    const untilIdentified = (): Promise<Set<string>> =>
      until('everything acknowledged is identified', async () => {
        const ids = new Set(await recordedIn(log, topics.identified));
        return acknowledged.every((id) => ids.has(id)) ? ids : undefined;
      });
    await untilIdentified();

    // The store turns everybody away: events are taken and wait in the log.
    toMongo.refuse();
    const waiting = await sendSome(door);
    expect(waiting).toHaveLength(5);
    acknowledged.push(...waiting);
    await untilWaiting(identity, /document store|consumer identity/);
    await expectCalm(services);
    toMongo.accept();
    await untilReady(identity);

    // The broker turns everybody away.
    toKafka.refuse();
    const lost = sendSome(door);
    await untilWaiting(door, /event log/);
    await untilWaiting(identity, /consumer identity: EVENT_LOG_UNREACHABLE|an answer from its engines/);
    await expectCalm(services);
    toKafka.accept();
    acknowledged.push(...(await lost));
    await Promise.all([untilReady(door), untilReady(identity)]);
    acknowledged.push(...(await sendSome(door)));

    await untilIdentified();
    const inLog = await recordedIn(log, topics.accepted);
    for (const id of acknowledged) expect(inLog.filter((other) => other === id)).toEqual([id]);

    // A stop ends in its time also when the engines are away.
    toKafka.refuse();
    toMongo.refuse();
    await pause(500);
    for (const { child } of services) child.kill('SIGTERM');
    const ended = await Promise.race([
      Promise.all(services.map((service) => service.ended)),
      pause(14_000).then(() => 'still running'),
    ]);
    expect(ended).not.toBe('still running');
  }, 180_000);
});
