import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChaosCluster } from './chaos-cluster.js';
import { differences, messagesDiffer } from './compare-outcome.js';
import { ending } from './ending.js';
import { makeLoad } from './load.js';
import { look, playbookDir } from './run-seed.js';
import { sendLoad } from './send-load.js';

export interface ZombieOptions {
  readonly root: string;
  readonly seed: number;
  readonly events: number;
  /** Whose first process is stopped. */
  readonly service: 'profiles' | 'identity';
  readonly say: (line: string) => void;
}

export interface ZombieReport {
  /** Whether the broker had given the stopped process' partitions away before it woke up. */
  readonly tookOver: boolean;
  /** Origins' documents whose version moved after it woke up, while nothing was sent. */
  readonly writtenAfterwards: readonly string[];
  /** Topics that grew after it woke up, while nothing was sent. */
  readonly grownAfterwards: readonly string[];
  readonly violations: readonly string[];
}

const sessionMs = 6_000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Stops a process in the middle of the load (SIGSTOP) for longer than its session, until another replica has done its
 * work, then lets it go on (SIGCONT) with whatever it had in hand: it must write nothing.
 */
export async function wakeZombie({ root, seed, events, service, say }: ZombieOptions): Promise<ZombieReport> {
  const load = makeLoad(seed, events);
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'rapport-zombie-'));
  const remove = ending(() => Promise.resolve(rmSync(folder, { recursive: true, force: true })));
  try {
    const chaos = await ChaosCluster.start({
      root,
      folder,
      playbookDir: playbookDir(root),
      startIso: new Date(load.phases[0]?.nowMs ?? 0).toISOString(),
      onOutput: (name, text) => say(`${name} | ${text.trimEnd()}`),
      environment: { RAPPORT_KAFKA_SESSION_TIMEOUT: `${sessionMs}ms` },
    });
    try {
      await chaos.cluster.scale(service, 2);
      const zombie = `${service}-1`;
      const stopAfter = Math.round(load.events * 0.5);
      let woken: Promise<Omit<ZombieReport, 'violations'>> | undefined;
      const onSent = (sent: number): void => {
        if (sent < stopAfter || woken !== undefined) return;
        say(`after ${sent} events: ${zombie} is stopped`);
        chaos.signal(zombie, 'SIGSTOP');
        woken = sleepAndWake(chaos, service, zombie, say);
      };
      // The day ends, and with it the sending, before it wakes up: the clock waits for it.
      const advanceTo = async (iso: string): Promise<void> => {
        await woken;
        await chaos.advanceTo(iso);
      };
      const acknowledged = await sendLoad({ door: chaos.door, load, onSent, advanceTo });
      const { expected, outcome } = await look(chaos.door, load, acknowledged);
      const violations = [
        ...differences(expected, outcome),
        ...messagesDiffer(load, expected, await chaos.messages(), await chaos.deliveries()),
      ];
      if (woken === undefined) throw new Error('the load was over before the process was stopped');
      return { ...(await woken), violations };
    } finally {
      await chaos.stop();
    }
  } finally {
    await remove();
  }
}

async function sleepAndWake(
  chaos: ChaosCluster,
  service: 'profiles' | 'identity',
  zombie: string,
  say: (line: string) => void,
): Promise<Omit<ZombieReport, 'violations'>> {
  await pause(sessionMs + 2_000);
  // Only who has all partitions can have handled everything; twice, since events may still be on their way.
  const giveUpAt = Date.now() + 90_000;
  let quiet = 0;
  for (let before = ''; quiet < 3 && Date.now() < giveUpAt; await pause(500)) {
    const lags = await chaos.lags();
    const written = JSON.stringify(await chaos.written());
    const isQuiet = (lags['identity'] ?? 1) + (lags['profiles'] ?? 1) === 0 && written === before;
    quiet = isQuiet ? quiet + 1 : 0;
    before = written;
  }
  const before = await standOf(chaos);
  say(`${zombie} wakes up; ${service} had ${quiet === 3 ? 'nothing left' : 'records left'}`);
  chaos.signal(zombie, 'SIGCONT');
  await pause(4_000);
  const after = await standOf(chaos);
  return {
    tookOver: quiet === 3,
    writtenAfterwards: [...after.versions]
      .filter(([id, version]) => before.versions.get(id) !== version)
      .map(([id]) => id),
    grownAfterwards: Object.keys(after.written).filter(
      // What the orchestrator does meanwhile is its own: it could not ask the stopped process.
      (topic) =>
        ['events.identified.v1', 'identity.changed.v1', 'profiles.changed.v1'].includes(topic) &&
        JSON.stringify(after.written[topic]) !== JSON.stringify(before.written[topic]),
    ),
  };
}

async function standOf(chaos: ChaosCluster): Promise<{
  readonly versions: ReadonlyMap<string, number>;
  readonly written: Readonly<Record<string, readonly number[]>>;
}> {
  const origins = await chaos.documents('profiles.origins');
  return {
    versions: new Map(origins.map(({ id, version }) => [id, version])),
    written: await chaos.written(),
  };
}
