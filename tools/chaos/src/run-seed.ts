import { mkdirSync, mkdtempSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { topics, type DecisionRecord, type Delivery, type RequestedMessage } from '@rapport/contracts';
import { openLmdbEventLog } from '@rapport/event-log';
import { startPlatform } from '@rapport/testing';
import { ChaosCluster } from './chaos-cluster.js';
import { ending } from './ending.js';
import { decisionsAbout, differences, messagesDiffer } from './compare-outcome.js';
import { faultLine, planFaults, type PlannedFault } from './fault-plan.js';
import { makeLoad, type Load } from './load.js';
import { expectedOf, type Acknowledged, type Expected } from './oracle.js';
import { readOutcome, type Outcome } from './outcome.js';
import { readTopic } from './read-topic.js';
import type { Recovery } from './recoveries.js';
import { advanceClock, sendLoad } from './send-load.js';

/** One process; a cluster that nothing happens to; a cluster that everything happens to. */
export const waysToRun = ['embedded', 'undisturbed', 'chaos'] as const;
export type WayToRun = (typeof waysToRun)[number];

export interface RunSeedOptions {
  readonly root: string;
  readonly seed: number;
  readonly events: number;
  readonly kills: number;
  /** Events per second that are sent to a cluster at most; default: as fast as it takes them. */
  readonly perSecond?: number | undefined;
  /** Default: all. */
  readonly ways?: readonly WayToRun[];
  readonly say: (line: string) => void;
}

/** What one way of running the platform made of a load. */
export interface Ran {
  readonly digest: string;
  readonly people: number;
  /** Messages requested and how killed processes came back; of clusters only. */
  readonly messages?: number;
  readonly recoveries?: readonly Recovery[];
  /** SIGKILLs that were sent to services and engines; of clusters only. */
  readonly kills?: number;
  readonly violations: readonly string[];
  readonly seconds: number;
}

export interface SeedReport {
  readonly seed: number;
  readonly events: number;
  readonly people: number;
  readonly messages: number;
  /** That were inflicted. */
  readonly kills: number;
  readonly ways: Readonly<Partial<Record<WayToRun, Ran>>>;
  readonly recoveries: readonly Recovery[];
  /** All of them, digests that differ included. */
  readonly violations: readonly string[];
}

export const playbookDir = (root: string): string => join(root, 'tools/chaos/playbook');
const isoOf = (ms: number): string => new Date(ms).toISOString();

/** One seed: its load into a cluster that is shaken, into one that is not, and into one process. */
export async function runSeed(options: RunSeedOptions): Promise<SeedReport> {
  const { root, seed, events, kills, say } = options;
  const load = makeLoad(seed, events);
  const plan = planFaults(load, kills);
  say(`seed ${seed}: ${load.events} events on ${load.phases.length} days`);
  for (const fault of plan) say(`  ${faultLine(fault)}`);
  // Nothing has to outlive the run: where the machine has a folder in memory, it spares the disk.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'rapport-chaos-'));
  const remove = ending(() => Promise.resolve(rmSync(folder, { recursive: true, force: true })));
  const ran: Partial<Record<WayToRun, Ran>> = {};
  try {
    for (const way of options.ways ?? waysToRun) {
      ran[way] =
        way === 'embedded'
          ? await onEmbedded(root, join(folder, way), load, say)
          : await onCluster({
              root,
              folder: join(folder, way),
              load,
              plan: way === 'chaos' ? plan : [],
              perSecond: options.perSecond,
              say,
            });
      say(
        `${way}: digest ${ran[way].digest}, ${ran[way].violations.length} violation(s), ${ran[way].seconds.toFixed(1)} s`,
      );
    }
  } finally {
    await remove();
  }
  const [first] = Object.values(ran);
  const violations = Object.entries(ran).flatMap(([way, { violations: of, digest }]) => [
    ...of.map((line) => `${way}: ${line}`),
    ...(digest === first?.digest ? [] : [`${way}: digest ${digest}, expected ${first?.digest}`]),
  ]);
  for (const line of violations.slice(0, 50)) say(`VIOLATION ${line}`);
  return {
    seed,
    events: load.events,
    people: first?.people ?? 0,
    messages: ran.chaos?.messages ?? 0,
    kills: ran.chaos?.kills ?? 0,
    ways: ran,
    recoveries: ran.chaos?.recoveries ?? [],
    violations,
  };
}

async function onEmbedded(
  root: string,
  dataDir: string,
  load: Load,
  say: (line: string) => void,
): Promise<Ran> {
  const startedMs = performance.now();
  mkdirSync(dataDir, { recursive: true });
  const platform = await startPlatform({
    dataDir,
    playbookDir: playbookDir(root),
    virtualFrom: isoOf(load.phases[0]?.nowMs ?? 0),
  });
  const stop = ending(() => platform.stop());
  try {
    const advanceTo = (iso: string): Promise<void> => advanceClock(platform, iso);
    const acknowledged = await sendLoad({ door: platform, load, advanceTo });
    const { expected, outcome } = await look(platform, load, acknowledged);
    await stop();
    const log = await openLmdbEventLog({ path: join(dataDir, 'log') });
    try {
      await log.ensureTopics(Object.values(topics));
      const messages = await readTopic<RequestedMessage>(log, topics.messagesRequested.name);
      const deliveries = await readTopic<Delivery>(log, topics.deliveriesRecorded.name);
      const wrong = messagesDiffer(load, expected, messages, deliveries);
      if (wrong.length > 0) {
        const decisions = await readTopic<DecisionRecord>(log, topics.decisionsMade.name);
        for (const line of decisionsAbout(wrong, expected, decisions)) say(line);
      }
      return {
        digest: outcome.digest,
        people: outcome.people,
        messages: new Set(messages.map(({ messageId }) => messageId)).size,
        violations: [...differences(expected, outcome), ...wrong],
        seconds: (performance.now() - startedMs) / 1000,
      };
    } finally {
      await log.close();
    }
  } finally {
    await stop();
  }
}

/** What must be and what is, at the end of a load. */
export async function look(
  door: Parameters<typeof readOutcome>[0],
  load: Load,
  acknowledged: readonly Acknowledged[],
): Promise<{ readonly expected: Expected; readonly outcome: Outcome }> {
  const expected = expectedOf(load, acknowledged);
  const asked = expected.people.map(({ identifiers }) => identifiers[0] ?? '');
  return { expected, outcome: await readOutcome(door, isoOf(load.endMs), asked) };
}

interface ClusterRun {
  readonly root: string;
  readonly folder: string;
  readonly load: Load;
  readonly plan: readonly PlannedFault[];
  readonly perSecond: number | undefined;
  readonly say: (line: string) => void;
}

async function onCluster({ root, folder, load, plan, perSecond, say }: ClusterRun): Promise<Ran> {
  const startedMs = performance.now();
  const said = (line: string): void =>
    say(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(7)} s  ${line}`);
  const chaos = await ChaosCluster.start({
    root,
    folder,
    playbookDir: playbookDir(root),
    startIso: isoOf(load.phases[0]?.nowMs ?? 0),
    onOutput: (name, text) => said(`${name} | ${text.trimEnd()}`),
  });
  const stop = ending(() => chaos.stop());
  try {
    said('the cluster is ready');
    const due = [...plan];
    const onSent = (events: number): void => {
      while ((due[0]?.afterEvents ?? Infinity) <= events) {
        const fault = due.shift();
        if (fault === undefined) return;
        said(faultLine(fault));
        chaos.inflict(fault);
      }
    };
    const advanceTo = async (iso: string): Promise<void> => {
      await chaos.advanceTo(iso);
      said(`the clock stands at ${iso}`);
    };
    const acknowledged = await sendLoad({ door: chaos.door, load, perSecond, onSent, advanceTo });
    await chaos.repaired();
    const { expected, outcome } = await look(chaos.door, load, acknowledged);
    const [messages, deliveries] = await Promise.all([chaos.messages(), chaos.deliveries()]);
    const wrong = messagesDiffer(load, expected, messages, deliveries);
    if (wrong.length > 0)
      for (const line of decisionsAbout(wrong, expected, await chaos.decisions())) say(line);
    const lags = Object.entries(await chaos.lags()).filter(([, lag]) => lag > 0);
    return {
      digest: outcome.digest,
      people: outcome.people,
      messages: new Set(messages.map(({ messageId }) => messageId)).size,
      violations: [
        ...differences(expected, outcome),
        ...wrong,
        ...chaos.kills.missed,
        ...lags.map(([group, lag]) => `consumer group ${group}: ${lag} records left behind`),
      ],
      seconds: (performance.now() - startedMs) / 1000,
      recoveries: chaos.recoveries.all,
      kills: chaos.kills.inflicted,
    };
  } finally {
    await stop();
  }
}
