import kafkajs, { type Admin, type IResourceConfigEntry } from 'kafkajs';
import { RapportError } from '@rapport/kernel';
import type { TopicContract } from '../../event-log.js';

/** What a deployment says of all its topics. */
export interface TopicPlacement {
  /** Copies of each partition; default 3, or as many as there are brokers. */
  readonly replicas?: number;
  /** Copies that must have a record before it is acknowledged; default one less than there are replicas, at least 1. */
  readonly minInSyncReplicas?: number;
}

/** One setting of a topic that is not as its contract says. */
export interface TopicDifference {
  readonly topic: string;
  readonly setting: string;
  readonly is: string;
  readonly expected: string;
  /** How to bring it there. */
  readonly remedy: string;
  /** Whether `applyTopics` can do that without moving or losing records. */
  readonly alterable: boolean;
}

/** Above the largest part of an append that goes out in one piece (see send-queue.ts), with room for headers. */
const maxMessageBytes = 10 * 1024 * 1024;

/** Settings of a topic, as Kafka calls them. */
function configOf(contract: TopicContract, minInSyncReplicas: number): Record<string, string> {
  const compacts = contract.compacted === true;
  const deletes = contract.retentionMs >= 0;
  return {
    'cleanup.policy': compacts ? (deletes ? 'compact,delete' : 'compact') : 'delete',
    'retention.ms': String(contract.retentionMs),
    'min.insync.replicas': String(minInSyncReplicas),
    'max.message.bytes': String(maxMessageBytes),
  };
}

async function placementOn(
  admin: Admin,
  wanted: TopicPlacement,
): Promise<{ replicas: number; minInSyncReplicas: number }> {
  const { brokers } = await admin.describeCluster();
  const replicas = wanted.replicas ?? Math.min(3, brokers.length);
  if (replicas > brokers.length) {
    throw new RapportError(
      'EVENT_LOG_TOO_FEW_BROKERS',
      'unavailable',
      `${replicas} replicas of each topic were asked for and the cluster has ${brokers.length} broker(s): start more brokers, or ask for fewer replicas`,
    );
  }
  return { replicas, minInSyncReplicas: wanted.minInSyncReplicas ?? Math.max(1, replicas - 1) };
}

/** Creates the topics that are missing; answers their names. */
export async function createMissing(
  admin: Admin,
  contracts: readonly TopicContract[],
  wanted: TopicPlacement,
): Promise<readonly string[]> {
  const there = new Set(await admin.listTopics());
  const missing = contracts.filter(({ name }) => !there.has(name));
  if (missing.length === 0) return [];
  const { replicas, minInSyncReplicas } = await placementOn(admin, wanted);
  // Another process may be creating the same ones: that is not an error, and what stands there is compared afterwards.
  await admin.createTopics({
    waitForLeaders: true,
    topics: missing.map((contract) => ({
      topic: contract.name,
      numPartitions: contract.partitions,
      replicationFactor: replicas,
      configEntries: Object.entries(configOf(contract, minInSyncReplicas)).map(([name, value]) => ({
        name,
        value,
      })),
    })),
  });
  return missing.map(({ name }) => name);
}

/** Everything in which the topics that exist differ from their contracts. */
export async function differences(
  admin: Admin,
  contracts: readonly TopicContract[],
  wanted: TopicPlacement,
): Promise<readonly TopicDifference[]> {
  if (contracts.length === 0) return [];
  const found: TopicDifference[] = [];
  for (const { contract, partitions, replicas, entries } of await standings(admin, contracts)) {
    if (partitions !== contract.partitions) found.push(partitionDifference(contract, partitions));
    if (wanted.replicas !== undefined && partitions > 0 && replicas !== wanted.replicas)
      found.push(replicaDifference(contract, replicas, wanted.replicas));
    found.push(...configDifferences(contract, entries, inSyncFor(replicas, wanted)));
  }
  return found;
}

/** A topic as the cluster has it. */
interface TopicStanding {
  readonly contract: TopicContract;
  readonly partitions: number;
  /** Of the partition that has the fewest. */
  readonly replicas: number;
  readonly entries: readonly SettingEntry[];
}

interface SettingEntry {
  readonly name: string;
  readonly value: string;
  /** Set on the topic itself, not a broker's default. */
  readonly own: boolean;
}

/** DYNAMIC_TOPIC_CONFIG in the answer of DescribeConfigs. */
const ownSetting = 1;

async function standings(admin: Admin, contracts: readonly TopicContract[]): Promise<TopicStanding[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: contracts.map(({ name }) => name) });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: contracts.map(({ name }) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
  });
  return contracts.map((contract) => {
    const partitions = topics.find(({ name }) => name === contract.name)?.partitions ?? [];
    const entries = resources.find(({ resourceName }) => resourceName === contract.name)?.configEntries ?? [];
    return {
      contract,
      partitions: partitions.length,
      replicas: Math.min(...partitions.map((partition) => partition.replicas.length)),
      entries: entries.map(entryOf),
    };
  });
}

/**
 * For a topic that exists the number follows from its own replicas, not from the brokers that are up at the moment:
 * a broker that is away must neither keep a service from starting nor lower what an acknowledgement means. Where replicas
 * are still to be added, asking for more copies in sync than there are would refuse every write.
 */
function inSyncFor(replicas: number, wanted: TopicPlacement): number {
  return wanted.minInSyncReplicas ?? Math.max(1, Math.min(wanted.replicas ?? replicas, replicas) - 1);
}

/** kafkajs' declarations and answers differ in the name of the field. */
function entryOf(entry: object): SettingEntry {
  const { configName, name, configValue, value, configSource } = entry as {
    configName?: string;
    name?: string;
    configValue?: string;
    value?: string;
    configSource?: number;
  };
  return {
    name: configName ?? name ?? '',
    value: configValue ?? value ?? '',
    own: Number(configSource) === ownSetting,
  };
}

function configDifferences(
  contract: TopicContract,
  entries: readonly SettingEntry[],
  minInSyncReplicas: number,
): TopicDifference[] {
  const found: TopicDifference[] = [];
  for (const [setting, expected] of Object.entries(configOf(contract, minInSyncReplicas))) {
    const is = entries.find(({ name }) => name === setting)?.value ?? '';
    if (same(setting, is, expected)) continue;
    found.push({
      topic: contract.name,
      setting,
      is,
      expected,
      remedy: 'rapport topics apply',
      alterable: true,
    });
  }
  return found;
}

function same(setting: string, is: string, expected: string): boolean {
  // More room than needed does no harm.
  if (setting === 'max.message.bytes') return Number(is) >= Number(expected);
  if (setting === 'cleanup.policy') return is.split(',').sort().join() === expected.split(',').sort().join();
  return is === expected;
}

/** More partitions would move keys away from the records they already have, fewer are not possible at all. */
function partitionDifference({ name, partitions }: TopicContract, is: number): TopicDifference {
  const remake = `stop the services, then kafka-topics.sh --bootstrap-server <broker> --delete --topic ${name}, then rapport topics apply`;
  return {
    topic: name,
    setting: 'partitions',
    is: String(is),
    expected: String(partitions),
    remedy: `by hand, since keys would move between partitions and what the topic holds is lost: ${remake}`,
    alterable: false,
  };
}

function replicaDifference({ name }: TopicContract, is: number, expected: number): TopicDifference {
  return {
    topic: name,
    setting: 'replicas',
    is: String(is),
    expected: String(expected),
    remedy: `by hand: kafka-reassign-partitions.sh --bootstrap-server <broker> --reassignment-json-file <file that names ${expected} brokers per partition> --execute; or RAPPORT_KAFKA_REPLICAS=${is}`,
    alterable: false,
  };
}

/** Alters what can be altered; answers what is left. */
async function alter(
  admin: Admin,
  contracts: readonly TopicContract[],
  wanted: TopicPlacement,
): Promise<readonly TopicDifference[]> {
  const before = await differences(admin, contracts, wanted);
  const touched = contracts.filter(({ name }) =>
    before.some(({ topic, alterable }) => alterable && topic === name),
  );
  if (touched.length === 0) return before;
  await admin.alterConfigs({
    validateOnly: false,
    resources: (await standings(admin, touched)).map(({ contract, replicas, entries }) => ({
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name: contract.name,
      // The request replaces all settings of a topic: what others set there for reasons of theirs is sent along.
      configEntries: Object.entries({
        ...Object.fromEntries(entries.filter(({ own }) => own).map(({ name, value }) => [name, value])),
        ...configOf(contract, inSyncFor(replicas, wanted)),
      }).map(([name, value]): IResourceConfigEntry => ({ name, value })),
    })),
  });
  return leftAfter(() => differences(admin, contracts, wanted));
}

/** A broker answers by the old settings until it has read the new ones from the metadata log. */
const propagationMs = 10_000;
const askAgainMs = 50;

/** What is left once everything that was altered has reached the broker that is asked. */
async function leftAfter(
  ask: () => Promise<readonly TopicDifference[]>,
): Promise<readonly TopicDifference[]> {
  const untilMs = performance.now() + propagationMs;
  for (;;) {
    const left = await ask();
    if (!left.some(({ alterable }) => alterable) || performance.now() >= untilMs) return left;
    await new Promise((resolve) => setTimeout(resolve, askAgainMs));
  }
}

/** What is not as the contracts say, missing topics included; with `apply`, what is left after all that could be done. */
export async function settle(
  admin: Admin,
  contracts: readonly TopicContract[],
  wanted: TopicPlacement,
  how: 'check' | 'apply',
): Promise<readonly TopicDifference[]> {
  if (how === 'apply') {
    await createMissing(admin, contracts, wanted);
    return alter(admin, contracts, wanted);
  }
  const there = new Set(await admin.listTopics());
  const missing = contracts.filter(({ name }) => !there.has(name));
  return [
    ...missing.map(({ name }): TopicDifference => ({
      topic: name,
      setting: 'topic',
      is: 'missing',
      expected: 'there',
      remedy: 'rapport topics apply',
      alterable: true,
    })),
    ...(await differences(
      admin,
      contracts.filter(({ name }) => there.has(name)),
      wanted,
    )),
  ];
}

export function mismatch(found: readonly TopicDifference[]): RapportError {
  const lines = found.map(
    ({ topic, setting, is, expected, remedy }) =>
      `  topic ${topic} has ${is} ${setting}, expected ${expected}: ${remedy}`,
  );
  return new RapportError(
    'EVENT_LOG_TOPIC_MISMATCH',
    'conflict',
    `${found.length} setting(s) of topics are not as declared:\n${lines.join('\n')}`,
  );
}
