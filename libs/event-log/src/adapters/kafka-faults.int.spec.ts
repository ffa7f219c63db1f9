import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { freePorts, startKafka, startTcpProxy, type LocalKafka, type TcpProxy } from '@rapport/local-engines';
import type { EventLog, LogRecord, TopicContract } from '../event-log.js';
import { applyTopics, checkTopics } from '../open-event-log.js';
import { keyFor } from './event-log.contract.js';
import { openKafkaEventLog } from './kafka-event-log.js';

const users = { rapport: 'right-password' };
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
async function until(what: string, holds: () => boolean, withinMs = 40_000): Promise<void> {
  const giveUpAt = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > giveUpAt) throw new Error(`not within ${withinMs} ms: ${what}`);
    await pause(10);
  }
}

describe('Kafka event log when things go wrong', () => {
  let kafka: LocalKafka;
  let proxy: TcpProxy;
  let log: EventLog;
  let topic: string;
  let run = 0;

  beforeAll(async () => {
    proxy = await startTcpProxy(() => kafka.proxiedPort);
    kafka = await startKafka({ advertisedProxyPort: proxy.port, users, tls: true });
  }, 180_000);
  afterAll(async () => {
    await proxy.close();
    await kafka.dispose();
  });
  beforeEach(async () => {
    proxy.thaw();
    proxy.accept();
    proxy.slow(0);
    topic = `faults-${run++}`;
    log = await openKafkaEventLog({ brokers: [`127.0.0.1:${proxy.port}`], sessionTimeoutMs: 10_000 });
    await log.ensureTopics([contract(topic)]);
  });
  afterEach(() => log.close());

  const contract = (name: string): TopicContract => ({ name, partitions: 4, retentionMs: -1 });
  const text = (record: LogRecord): string => Buffer.from(record.value ?? []).toString('utf8');
  const stored = async (): Promise<string[]> => {
    const direct = await openKafkaEventLog({ brokers: kafka.brokers });
    const all = await Promise.all(
      [0, 1, 2, 3].map((partition) => direct.read(topic, partition, 0, 1_000_000)),
    );
    await direct.close();
    return all.flat().map(text);
  };
  /** Appends numbered records until told to stop; what was refused counts as in doubt. */
  const appendAlong = (): { stop: () => Promise<{ acknowledged: string[]; doubtful: string[] }> } => {
    let running = true;
    const acknowledged: string[] = [];
    const doubtful: string[] = [];
    const workers = Array.from({ length: 4 }, async (_, worker) => {
      for (let n = 0; running; n++) {
        const values = Array.from({ length: 5 }, (__, at) => `${worker}.${n}.${at}`);
        try {
          await log.append(
            topic,
            values.map((value) => ({ key: keyFor(worker), value: Buffer.from(value) })),
          );
          acknowledged.push(...values);
        } catch {
          doubtful.push(...values);
        }
        await pause(2);
      }
    });
    return {
      stop: async () => {
        running = false;
        await Promise.all(workers);
        return { acknowledged, doubtful };
      },
    };
  };
  const counted = (values: readonly string[]): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    return counts;
  };

  it.each(['stopped', 'killed'] as const)(
    'loses and doubles nothing when the broker is %s and started again',
    async (how) => {
      const handled: string[] = [];
      const consumer = await log.consume({
        group: `g-${topic}`,
        topics: [topic],
        onBatch: async ({ records }) => void handled.push(...records.map(text)),
      });
      const appending = appendAlong();
      await until('records flow', () => handled.length > 100);
      await (how === 'stopped' ? kafka.stop() : kafka.kill());
      await pause(500);
      await kafka.start();
      const before = handled.length;
      await until('records flow again', () => handled.length > before + 100);
      const { acknowledged, doubtful } = await appending.stop();
      await consumer.caughtUp();
      const inLog = counted(await stored());
      expect(acknowledged.filter((value) => inLog.get(value) !== 1)).toEqual([]);
      expect(doubtful.filter((value) => (inLog.get(value) ?? 0) > 1)).toEqual([]);
      const seen = new Set(handled);
      expect([...inLog.keys()].filter((value) => !seen.has(value))).toEqual([]);
    },
  );

  it('commits what was handled while the broker was away, also when nothing new comes', async () => {
    let killed: Promise<void> | undefined;
    const consumer = await log.consume({
      group: `g-${topic}`,
      topics: [topic],
      onBatch: async () => await (killed ??= kafka.kill()),
    });
    await log.append(topic, [{ key: 'a', value: Buffer.from('one') }]);
    await until('it is handled', () => killed !== undefined);
    await killed;
    // The broker takes longer than a member believes without proof that it is one, and counts nobody out meanwhile.
    await kafka.start();
    await Promise.race([
      consumer.caughtUp(),
      pause(30_000).then(async () => {
        throw new Error(`not committed within 30 s: lag ${await consumer.lag()}`);
      }),
    ]);
  }, 120_000);

  it.each([
    ['sent', 'ended'],
    ['received', 'ended'],
    ['received', 'reset'],
  ] as const)(
    'appends exactly once when in the middle of what is %s the connection is %s',
    async (direction, how) => {
      const appending = appendAlong();
      for (let cut = 0; cut < 6; cut++) {
        await pause(120);
        const before = proxy.cuts;
        proxy.cutAfter(direction === 'sent' ? 700 : 90, direction, how);
        await until('the connection is cut', () => proxy.cuts > before);
      }
      await pause(300);
      const { acknowledged, doubtful } = await appending.stop();
      const inLog = counted(await stored());
      expect(acknowledged.length).toBeGreaterThan(30);
      expect(doubtful).toEqual([]);
      expect(acknowledged.filter((value) => inLog.get(value) !== 1)).toEqual([]);
      expect(inLog.size).toBe(acknowledged.length);
      for (let worker = 0; worker < 4; worker++) {
        const order = [...inLog.keys()]
          .filter((value) => value.startsWith(`${worker}.`))
          .map((value) => Number(value.split('.')[1]));
        expect(order).toEqual([...order].sort((a, b) => a - b));
      }
    },
  );

  it('consumes on when its connections are cut again and again', async () => {
    const handled: string[] = [];
    const consumer = await log.consume({
      group: `g-${topic}`,
      topics: [topic],
      maxBatch: 10,
      onBatch: async ({ records }) => void (await pause(5), handled.push(...records.map(text))),
    });
    const appending = appendAlong();
    for (let cut = 0; cut < 5; cut++) {
      await pause(300);
      proxy.cut();
    }
    const { acknowledged } = await appending.stop();
    await consumer.caughtUp();
    const seen = new Set(handled);
    expect(acknowledged.filter((value) => !seen.has(value))).toEqual([]);
  });

  it('waits for a slow broker and for one that does not answer for a while', async () => {
    const handled: string[] = [];
    const consumer = await log.consume({
      group: `g-${topic}`,
      topics: [topic],
      onBatch: async ({ records }) => void handled.push(...records.map(text)),
    });
    proxy.slow(100);
    const appending = appendAlong();
    await pause(1_500);
    proxy.slow(0);
    proxy.freeze();
    await pause(2_000);
    proxy.thaw();
    await pause(500);
    const { acknowledged, doubtful } = await appending.stop();
    await consumer.caughtUp();
    expect(doubtful).toEqual([]);
    expect(handled.sort()).toEqual(acknowledged.sort());
  });

  describe('members in processes of their own', () => {
    const root = fileURLToPath(new URL('../../../../', import.meta.url));
    const children: ChildProcess[] = [];
    afterEach(() => {
      for (const child of children.splice(0)) child.kill('SIGKILL');
    });
    interface Line {
      readonly ready?: boolean;
      readonly began?: number;
      readonly disowned?: number;
      readonly wrote?: number;
      readonly offsets?: readonly number[];
    }
    const member = (sessionMs: number): { child: ChildProcess; lines: Line[] } => {
      const script = join(root, 'libs/event-log/src/testing/member-until-killed.ts');
      const args = [
        '--import',
        join(root, 'tools/jest/typescript-hooks.mjs'),
        script,
        kafka.brokers.join(),
        topic,
        `g-${topic}`,
        String(sessionMs),
      ];
      const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      const lines: Line[] = [];
      let rest = '';
      child.stdout.on('data', (some: Buffer) => {
        const parts = (rest + some.toString()).split('\n');
        rest = parts.pop() ?? '';
        lines.push(...parts.map((part) => JSON.parse(part) as Line));
      });
      return { child, lines };
    };
    const wrote = (lines: readonly Line[]): string[] =>
      lines.flatMap((line) =>
        line.wrote === undefined ? [] : (line.offsets ?? []).map((offset) => `${line.wrote}:${offset}`),
      );

    it('a member that was stopped for longer than its session writes nothing of what it held when it wakes', async () => {
      await log.append(
        topic,
        Array.from({ length: 400 }, (_, n) => ({ key: keyFor(n % 4), value: Buffer.from(String(n)) })),
      );
      const zombie = member(2_000);
      await until('the first works', () => zombie.lines.some((line) => line.wrote !== undefined));
      await until('it is in the middle of a batch', () => zombie.lines.at(-1)?.began !== undefined);
      zombie.child.kill('SIGSTOP');
      await pause(300);
      const held = zombie.lines.length;
      const heir = member(2_000);
      await until(
        'the second has taken over',
        () =>
          new Set(heir.lines.map((line) => line.wrote).filter((partition) => partition !== undefined))
            .size === 4,
      );
      const heirWrote = new Set(wrote(heir.lines));
      zombie.child.kill('SIGCONT');
      await until('the first has noticed', () =>
        zombie.lines.slice(held).some((line) => line.disowned !== undefined),
      );
      const stale = zombie.lines.slice(held).filter((line) => line.disowned !== undefined);
      expect(stale.length).toBeGreaterThan(0);
      // Whatever it wrote afterwards it had been given again: nothing that the other had written by then.
      expect(wrote(zombie.lines.slice(held)).filter((place) => heirWrote.has(place))).toEqual([]);
    });

    it('what a killed member had not committed goes to another: nothing is left out', async () => {
      const first = member(2_000);
      await until('it has joined', () => first.lines.some((line) => line.ready));
      await log.append(
        topic,
        Array.from({ length: 200 }, (_, n) => ({ key: keyFor(n % 4), value: Buffer.from(String(n)) })),
      );
      await until('it works', () => wrote(first.lines).length > 20);
      first.child.kill('SIGKILL');
      const second = member(2_000);
      const all = Array.from({ length: 200 }, (_, n) => `${n % 4}:${Math.floor(n / 4)}`);
      await until('all is done', () => {
        const done = new Set([...wrote(first.lines), ...wrote(second.lines)]);
        return all.every((place) => done.has(place));
      });
    });
  });

  describe('what a start says', () => {
    it('names the address when no broker answers there', async () => {
      const [port] = await freePorts(1);
      await expect(openKafkaEventLog({ brokers: [`127.0.0.1:${port}`] })).rejects.toMatchObject({
        code: 'EVENT_LOG_UNREACHABLE',
        message: expect.stringContaining(`127.0.0.1:${port}`),
      });
    });

    it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
      'comes in over TLS with %s, and says when the password is wrong',
      async (mechanism) => {
        const secure = { brokers: [`127.0.0.1:${kafka.securePort}`], tls: { ca: kafka.certificate } };
        const open = await openKafkaEventLog({
          ...secure,
          sasl: { mechanism, username: 'rapport', password: 'right-password' },
        });
        await open.append(topic, [{ key: 'a', value: Buffer.from(mechanism) }]);
        await open.close();
        expect(await stored()).toContain(mechanism);
        const wrong = openKafkaEventLog({
          ...secure,
          sasl: { mechanism, username: 'rapport', password: 'wrong' },
        });
        await expect(wrong).rejects.toMatchObject({ code: 'EVENT_LOG_AUTHENTICATION_FAILED' });
      },
    );

    it('says when there are too few brokers for the replicas asked for', async () => {
      const asking = await openKafkaEventLog({ brokers: kafka.brokers, replicas: 3 });
      await expect(asking.ensureTopics([contract(`${topic}-replicated`)])).rejects.toMatchObject({
        code: 'EVENT_LOG_TOO_FEW_BROKERS',
      });
      await asking.close();
    });

    it('compares, creates and alters topics', async () => {
      const options = { kind: 'kafka', brokers: kafka.brokers } as const;
      const wanted: TopicContract[] = [
        { name: topic, partitions: 4, retentionMs: 3_600_000, compacted: true },
        { name: `${topic}-new`, partitions: 2, retentionMs: -1 },
      ];
      const found = await checkTopics(options, wanted);
      expect(
        found.map((difference) => [difference.topic, difference.setting, difference.is, difference.expected]),
      ).toEqual([
        [`${topic}-new`, 'topic', 'missing', 'there'],
        [topic, 'cleanup.policy', 'delete', 'compact,delete'],
        [topic, 'retention.ms', '-1', '3600000'],
      ]);
      await expect(log.ensureTopics(wanted)).rejects.toMatchObject({
        code: 'EVENT_LOG_TOPIC_MISMATCH',
        message: expect.stringContaining('rapport topics apply'),
      });
      expect(await applyTopics(options, wanted)).toEqual([]);
      await log.ensureTopics(wanted);
      const moved = await applyTopics(options, [
        { name: topic, partitions: 8, retentionMs: 3_600_000, compacted: true },
      ]);
      expect(moved).toMatchObject([{ setting: 'partitions', is: '4', expected: '8', alterable: false }]);
      expect(moved[0]?.remedy).toContain(`--delete --topic ${topic}`);
      // More replicas than there are brokers: nothing may be asked of the topic that would refuse every write.
      const replicated = { ...options, replicas: 3 };
      const contracts = [contract(`${topic}-new`)].map((each) => ({ ...each, partitions: 2 }));
      expect(await applyTopics(replicated, contracts)).toMatchObject([
        { setting: 'replicas', is: '1', expected: '3', alterable: false },
      ]);
      await log.append(`${topic}-new`, [{ key: 'a', value: Buffer.from('taken') }]);
    });
  });
});
