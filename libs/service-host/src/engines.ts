import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { topics } from '@rapport/contracts';
import { openDocumentStore, type DocumentStore, type DocumentStoreOptions } from '@rapport/document-store';
import {
  applyTopics,
  checkTopics,
  openSettledEventLog,
  type EventLog,
  type EventLogOptions,
  type TopicDifference,
} from '@rapport/event-log';
import { messageOf, RapportError } from '@rapport/kernel';
import type { HostConfig } from './host.config.js';

/** How long records gather for a batch while batches follow each other: four rooms one after the other stay within 0.1 s. */
const gatherMs = 25;

/** Which event log the configuration names, and what it needs. */
export function eventLogOptions(config: HostConfig): EventLogOptions {
  if (config.RAPPORT_EVENT_LOG === 'lmdb')
    return {
      kind: 'lmdb',
      path: join(resolve(config.RAPPORT_DATA_DIR), 'log'),
      // In virtual time nobody sends meanwhile: there is nothing to wait for.
      paceMs: config.RAPPORT_CLOCK === 'virtual' ? 0 : gatherMs,
    };
  const {
    RAPPORT_KAFKA_SASL: mechanism,
    RAPPORT_KAFKA_USERNAME: username = '',
    RAPPORT_KAFKA_PASSWORD: password = '',
  } = config;
  return {
    kind: 'kafka',
    brokers: (config.RAPPORT_KAFKA_BROKERS ?? '').split(',').map((broker) => broker.trim()),
    ...(config.RAPPORT_KAFKA_TLS ? { tls: true } : {}),
    ...(mechanism === undefined ? {} : { sasl: { mechanism, username, password } }),
    sessionTimeoutMs: config.RAPPORT_KAFKA_SESSION_TIMEOUT,
    ...(config.RAPPORT_INSTANCE === undefined ? {} : { instance: config.RAPPORT_INSTANCE }),
    ...(config.RAPPORT_KAFKA_REPLICAS === undefined ? {} : { replicas: config.RAPPORT_KAFKA_REPLICAS }),
    ...(config.RAPPORT_KAFKA_MIN_IN_SYNC === undefined
      ? {}
      : { minInSyncReplicas: config.RAPPORT_KAFKA_MIN_IN_SYNC }),
  };
}

function documentStoreOptions(config: HostConfig): DocumentStoreOptions {
  if (config.RAPPORT_DOCUMENT_STORE === 'lmdb')
    return { kind: 'lmdb', path: join(resolve(config.RAPPORT_DATA_DIR), 'store') };
  return { kind: 'mongodb', uri: config.RAPPORT_MONGODB_URI ?? '' };
}

/**
 * Opens log and store, with the topics as declared; what was opened is in `opened`, also when another part fails.
 * Servers are reached side by side. Embedded engines share a driver and open on this thread, so nothing is gained there,
 * and where two loads of modules meet, Node's `vm` (under which the tests run) links one before what it imports.
 */
export async function openEngines(
  config: HostConfig,
  opened: { close(): Promise<void> | void }[],
): Promise<{ log: EventLog; store: DocumentStore }> {
  if (config.RAPPORT_EVENT_LOG === 'lmdb' || config.RAPPORT_DOCUMENT_STORE === 'lmdb')
    await mustTakeWrites(resolve(config.RAPPORT_DATA_DIR));
  const kept = <T extends { close(): Promise<void> | void }>(part: T): T => {
    opened.push(part);
    return part;
  };
  const openingLog = openLog(config, kept);
  if (config.RAPPORT_EVENT_LOG === 'lmdb') await Promise.allSettled([openingLog]);
  const [log, store] = await Promise.allSettled([
    openingLog,
    openDocumentStore(documentStoreOptions(config)).then(kept),
  ]);
  if (log.status === 'rejected') throw log.reason;
  if (store.status === 'rejected') throw store.reason;
  return { log: log.value, store: store.value };
}

async function openLog(config: HostConfig, kept: (log: EventLog) => EventLog): Promise<EventLog> {
  const { log, differences } = await openSettledEventLog(
    eventLogOptions(config),
    Object.values(topics),
    config.RAPPORT_TOPICS,
  );
  kept(log);
  refuse(differences);
  return log;
}

/** What a fresh log and store need at least; LMDB itself ends the process where it cannot lay out its files. */
const probeBytes = 256 * 1024;

/** Throws DATA_DIR_UNWRITABLE where files cannot be made, or not of that size. */
async function mustTakeWrites(folder: string): Promise<void> {
  const probe = join(folder, `.write-probe-${process.pid}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(probe, Buffer.alloc(probeBytes));
  } catch (thrown) {
    throw new RapportError(
      'DATA_DIR_UNWRITABLE',
      'unavailable',
      `RAPPORT_DATA_DIR: expected a folder that takes ${probeBytes / 1024} KiB at ${folder}; got ${messageOf(thrown)}. Free space, set its permissions, or name another folder.`,
    );
  } finally {
    await rm(probe, { force: true }).catch(() => undefined);
  }
}

/** Brings a cluster's topics to the declarations (`apply`) or finds out whether they are so. Throws EVENT_LOG_TOPIC_MISMATCH. */
export async function settleTopics(options: EventLogOptions, how: 'check' | 'apply'): Promise<void> {
  refuse(await topicDifferences(options, how));
}

function refuse(differences: readonly TopicDifference[]): void {
  if (differences.length === 0) return;
  const lines = differences.map(
    ({ topic, setting, is, expected, remedy }) =>
      `  ${topic}: ${setting} is ${is}, expected ${expected}; ${remedy}`,
  );
  throw new RapportError(
    'EVENT_LOG_TOPIC_MISMATCH',
    'conflict',
    `${differences.length} topic setting(s) differ:\n${lines.join('\n')}`,
  );
}

/** In what the topics are not as they are declared; with `apply`, what is left after everything was done that moves no record. */
export function topicDifferences(
  options: EventLogOptions,
  how: 'check' | 'apply',
): Promise<readonly TopicDifference[]> {
  const declared = Object.values(topics);
  return how === 'apply' ? applyTopics(options, declared) : checkTopics(options, declared);
}
