import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { topics } from '@rapport/contracts';
import { applyTopics } from '@rapport/event-log';
import { freePorts, startKafka, type LocalKafka } from '@rapport/local-engines';
import { exitCodes, runCli } from '../index.js';

interface Answer {
  readonly ok: boolean;
  readonly differences: readonly Readonly<
    Record<'topic' | 'setting' | 'is' | 'expected' | 'remedy', string>
  >[];
}

const users = { rapport: 'right-password' };
const names = Object.values(topics).map(({ name }) => name);

describe('rapport topics', () => {
  let kafka: LocalKafka;
  beforeAll(async () => {
    kafka = await startKafka({ users });
  }, 180_000);
  afterAll(() => kafka.dispose());

  async function run(
    line: string,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<{ code: number; out: string; err: string }> {
    let out = '';
    let err = '';
    const code = await runCli(['topics', ...line.split(' ')], {
      out: (text) => (out += `${text}\n`),
      err: (text) => (err += `${text}\n`),
      interactive: false,
      environment: { RAPPORT_KAFKA_BROKERS: kafka.brokers.join(), ...environment },
      stopped: new AbortController().signal,
    });
    return { code, out, err };
  }
  const json = async (line: string): Promise<{ code: number; answer: Answer }> => {
    const { code, out } = await run(`${line} --json`);
    return { code, answer: JSON.parse(out) as Answer };
  };
  const settings = (answer: Answer): string[] =>
    answer.differences.map(
      ({ topic, setting, is, expected, remedy }) => `${topic} ${setting} ${is} ${expected} ${remedy}`,
    );
  const serviceStart = async (how: 'check' | 'apply'): Promise<void> => {
    const { eventLogOptions, readHostConfig, settleTopics } = await import('@rapport/service-host');
    const environment = { RAPPORT_EVENT_LOG: 'kafka', RAPPORT_KAFKA_BROKERS: kafka.brokers.join() };
    await settleTopics(eventLogOptions(readHostConfig(environment)), how);
  };

  it('check names every topic that is missing and what makes it, and a service does not start', async () => {
    const { code, answer } = await json('check');
    expect(code).toBe(exitCodes.failed);
    expect(settings(answer)).toEqual(names.map((name) => `${name} topic missing there rapport topics apply`));
    await expect(serviceStart('check')).rejects.toMatchObject({
      code: 'EVENT_LOG_TOPIC_MISMATCH',
      message: expect.stringContaining(
        'events.accepted.v1: topic is missing, expected there; rapport topics apply',
      ),
    });
    const text = await run('check');
    expect(text.out).toContain(`${names.length} differences.`);
  });

  it('apply makes them, as five services that start at once do, and then nothing differs', async () => {
    await Promise.all(Array.from({ length: 5 }, () => serviceStart('apply')));
    expect(await run('apply')).toMatchObject({ code: exitCodes.done });
    const { code, out } = await run('check');
    expect([code, out]).toEqual([exitCodes.done, expect.stringContaining('All topics are as declared.')]);
    expect((await json('check')).answer).toMatchObject({ ok: true, differences: [] });
    await serviceStart('check');
  });

  it('tells retention, compaction and in-sync replicas that were changed, and apply sets them right', async () => {
    // Somebody's own hand: another contract for the same topic, and in-sync replicas no single broker can have.
    const { name, partitions } = topics.identityChanged;
    const hand = { kind: 'kafka', brokers: kafka.brokers, minInSyncReplicas: 2 } as const;
    expect(await applyTopics(hand, [{ name, partitions, retentionMs: 60_000 }])).toEqual([]);
    const found = await json('check');
    expect(found.code).toBe(exitCodes.failed);
    expect(settings(found.answer)).toEqual([
      `${name} cleanup.policy delete compact rapport topics apply`,
      `${name} retention.ms 60000 -1 rapport topics apply`,
      `${name} min.insync.replicas 2 1 rapport topics apply`,
    ]);
    expect((await json('apply')).answer.ok).toBe(true);
    expect((await json('check')).code).toBe(exitCodes.done);
  });

  it('says by which command replicas are changed, which apply does not do, and when there are too few brokers', async () => {
    const { code, answer } = await json('apply --replicas 3');
    expect(code).toBe(exitCodes.failed);
    const replicas = answer.differences.filter(({ setting }) => setting === 'replicas');
    expect(replicas.map(({ topic, is, expected }) => [topic, is, expected])).toEqual(
      names.map((name) => [name, '1', '3']),
    );
    expect(replicas[0]?.remedy).toContain('kafka-reassign-partitions.sh');
    expect((await json('check')).code).toBe(exitCodes.done);
  });

  it('comes in with a user and a password, and says so when they are wrong', async () => {
    const secure = `check --brokers 127.0.0.1:${kafka.securePort} --sasl scram-sha-512 --username rapport`;
    expect(await run(secure, { RAPPORT_KAFKA_PASSWORD: 'right-password' })).toMatchObject({
      code: exitCodes.done,
    });
    const wrong = await run(secure, { RAPPORT_KAFKA_PASSWORD: 'wrong' });
    expect(wrong.code).toBe(exitCodes.unreachable);
    expect(wrong.err).toContain('EVENT_LOG_AUTHENTICATION_FAILED');
    expect(wrong.err).not.toContain('wrong');
  });

  it('names the address where nobody answers, and what is missing when it was told none', async () => {
    const [port] = await freePorts(1);
    const { code, err } = await run(`check --brokers 127.0.0.1:${port}`);
    expect(code).toBe(exitCodes.unreachable);
    expect(err).toContain(`EVENT_LOG_UNREACHABLE: no Kafka broker answered at 127.0.0.1:${port}`);
    const none = await run('apply', { RAPPORT_KAFKA_BROKERS: '' });
    expect([none.code, none.err]).toEqual([exitCodes.usage, expect.stringContaining('expected --brokers')]);
  });
});
