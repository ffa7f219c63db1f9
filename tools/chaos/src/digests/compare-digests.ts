import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { startPlatform } from '@rapport/testing';
import { ChaosCluster } from '../chaos-cluster.js';
import { call, untilThrough, type Door } from '../door.js';
import { ending } from '../ending.js';
import type { Fed, Input } from './input.js';
import { mailsApart } from './mails-apart.js';
import { peopleApart, profileIdsApart } from './people-apart.js';

export interface CompareDigestsOptions {
  /** The root of the checkout. */
  readonly root: string;
  readonly input: Input;
  readonly say: (line: string) => void;
}

/** One form of the platform after the input. */
export interface FormReport {
  readonly digest: string;
  readonly people: number;
  readonly events: number;
  readonly seconds: number;
}

export interface DigestsReport {
  readonly input: string;
  readonly title: string;
  readonly atIso: string;
  readonly embedded: FormReport;
  readonly cluster: FormReport;
  readonly equal: boolean;
  /** What differs, where something does; the first hundred lines. */
  readonly apart: readonly string[];
}

/** A form of the platform that has been given the input, and still runs. */
interface Given {
  readonly door: Door;
  readonly fed: Fed;
  readonly report: FormReport;
}

const digestMs = 600_000;
const longestList = 100;

/** The same input into one process and into a cluster on real engines; then everybody at one instant, as one number each. */
export async function compareDigests({ root, input, say }: CompareDigestsOptions): Promise<DigestsReport> {
  // Nothing has to outlive the run: where the machine has a folder in memory, it spares the disk.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'rapport-digests-'));
  const remove = ending(() => Promise.resolve(rmSync(folder, { recursive: true, force: true })));
  const stops: (() => Promise<void>)[] = [];
  try {
    say(`${input.title}: into one process`);
    const dataDir = join(folder, 'embedded');
    mkdirSync(dataDir);
    const platform = await startPlatform({
      dataDir,
      playbookDir: input.playbookDir,
      virtualFrom: input.startIso,
    });
    stops.push(ending(() => platform.stop()));
    const embedded = await give(platform, input, join(folder, 'embedded-input'), say);

    say(`${input.title}: into a cluster of Kafka, a MongoDB-protocol server and a process per service`);
    const cluster = await ChaosCluster.start({
      root,
      folder: join(folder, 'cluster'),
      playbookDir: input.playbookDir,
      startIso: input.startIso,
      onOutput: (name, text) => say(`${name} | ${text.trimEnd()}`),
    });
    stops.push(ending(() => cluster.stop()));
    const spread = await give(cluster.door, input, join(folder, 'cluster-input'), say);

    const apart = [
      ...answersApart(embedded.fed, spread.fed),
      ...(await profileIdsApart(embedded.door, spread.door, longestList)),
      ...Object.entries(await cluster.lags())
        .filter(([, lag]) => lag > 0)
        .map(([group, lag]) => `consumer group ${group}: ${lag} records left behind`),
      ...cluster.cluster
        .processes()
        .filter(({ restarts }) => restarts > 0)
        .map(({ name, restarts, lastReason }) => `${name} was restarted ${restarts} times: ${lastReason}`),
    ];
    if (apart.length > 0) apart.push(...(await mailsApart(embedded.door, spread.door, longestList)));
    const equal = embedded.report.digest === spread.report.digest;
    if (!equal) {
      say('the digests differ: looking at everybody');
      apart.push(...(await peopleApart(embedded.door, spread.door, longestList)));
    }
    for (const line of apart) say(`APART ${line}`);
    return {
      input: input.name,
      title: input.title,
      atIso: embedded.fed.atIso,
      embedded: embedded.report,
      cluster: spread.report,
      equal,
      apart,
    };
  } finally {
    for (const stop of stops.reverse()) await stop();
    await remove();
  }
}

async function give(door: Door, input: Input, folder: string, say: (line: string) => void): Promise<Given> {
  const startedMs = performance.now();
  const elapsed = (): number => (performance.now() - startedMs) / 1000;
  const fed = await input.feed(door, folder, (line) => say(`${elapsed().toFixed(1).padStart(7)} s  ${line}`));
  const { status, body } = await untilThrough(() =>
    call(door, 'GET', `/v1/digest?at=${fed.atIso}`, undefined, digestMs),
  );
  if (status !== 200) throw new Error(`the digest answered ${status} ${JSON.stringify(body)}`);
  const { digest, people } = body as { digest: string; people: number };
  const report = { digest, people, events: fed.events, seconds: elapsed() };
  say(
    `${report.seconds.toFixed(1).padStart(7)} s  digest ${digest} of ${people} people, ${fed.events} events`,
  );
  return { door, fed, report };
}

function answersApart(one: Fed, other: Fed): readonly string[] {
  return Object.keys({ ...one.answers, ...other.answers })
    .filter((name) => !isDeepStrictEqual(one.answers[name], other.answers[name]))
    .map(
      (name) => `${name}: ${JSON.stringify(one.answers[name])} and ${JSON.stringify(other.answers[name])}`,
    );
}
