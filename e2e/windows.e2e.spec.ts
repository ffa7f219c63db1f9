import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { profilesProto } from '@rapport/contracts';
import { seededRandom } from '@rapport/kernel';
import { createCalls, type Calls } from '@rapport/service-host';
import { startPlatform, type TestPlatform } from '@rapport/testing';

const dayMs = 86_400_000;
const windowMs = 7 * dayMs;
const startMs = Date.parse('2026-03-01T00:00:00.000Z');
const iso = (instantMs: number): string => new Date(instantMs).toISOString();

const playbook = `name: windows\nholdout: 0.1\n`;
const segments = `
- name: keen
  title: Three views in seven days
  when:
    did: { event: Product Viewed, atLeast: 3, within: 7d }
`;

/** A view: when it happened and when it came in. */
interface View {
  readonly person: string;
  readonly atMs: number;
  readonly receivedMs: number;
}
interface Transition {
  readonly kind: 'entered' | 'left';
  readonly at: string;
}

/** Streams in which most views come at once, some late, some in the same millisecond, some exactly a window apart. */
function randomViews(seed: number, people: number, instants: number): readonly View[] {
  const random = seededRandom(seed);
  const pick = (below: number): number => Math.floor(random() * below);
  const times: number[] = [];
  for (let i = 0; i < instants; i++) {
    const earlier = times[pick(times.length)];
    const exactly = earlier === undefined || random() > 0.3 ? undefined : earlier + windowMs + pick(3) - 1;
    times.push(exactly ?? startMs + pick(20 * dayMs));
  }
  return times
    .sort((one, other) => one - other)
    .flatMap((receivedMs) =>
      Array.from({ length: 1 + pick(3) }, () => ({
        person: `p${pick(people)}`,
        receivedMs,
        atMs: random() < 0.2 ? receivedMs - pick(8 * dayMs) : receivedMs,
      })),
    );
}

/** By the words of the rule alone: every millisecond at which the answer may turn is asked. */
function bruteForce(views: readonly View[]): readonly Transition[] {
  const turns = new Set(views.flatMap(({ atMs, receivedMs }) => [receivedMs, atMs + windowMs]));
  const transitions: Transition[] = [];
  let isIn = false;
  for (const nowMs of [...turns].sort((one, other) => one - other)) {
    const live = views.filter(
      ({ atMs, receivedMs }) => receivedMs <= nowMs && atMs <= nowMs && nowMs < atMs + windowMs,
    );
    if (live.length >= 3 === isIn) continue;
    isIn = !isIn;
    transitions.push({ kind: isIn ? 'entered' : 'left', at: iso(nowMs) });
  }
  return transitions;
}

describe('three views in seven days, on a platform in virtual time', () => {
  let folder: string;
  let platform: TestPlatform;
  let calls: Calls;
  let profiles: profilesProto.ProfilesService;
  const told = new Map<string, Transition[]>();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rapport-windows-'));
    writeFileSync(join(folder, 'playbook.yaml'), playbook);
    writeFileSync(join(folder, 'segments.yaml'), segments);
    platform = await startPlatform({ virtualFrom: iso(startMs), playbookDir: folder });
    calls = createCalls({ addressOf: () => platform.grpcAddress, apiToken: platform.apiToken });
    profiles = calls.to<profilesProto.ProfilesService>(profilesProto.ProfilesServiceDefinition);
    void collect();
    // The stream tells what comes after it began: somebody unimportant shows that it did.
    await waitUntil(async () => {
      await platform.send([{ type: 'track', event: 'Started', userId: 'starter' }]);
      await platform.advanceTo();
      return told.has('starter');
    });
  });
  afterAll(async () => {
    calls.close();
    await platform.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What the platform tells of everybody, as it tells it. */
  async function collect(): Promise<void> {
    try {
      for await (const { profile, transitions } of profiles.watchProfiles({ persons: [] })) {
        const name =
          profile?.identifiers.find((one) => one.startsWith('user_id:'))?.slice('user_id:'.length) ?? '';
        const known = told.get(name) ?? [];
        for (const { kind, at } of transitions) known.push({ kind: kind as Transition['kind'], at });
        told.set(name, known);
      }
    } catch {
      // The stream ends with the platform.
    }
  }

  const segmentsOf = async (person: string): Promise<readonly { name: string; since: string }[]> => {
    const { body } = await platform.get<{ segments: { name: string; since: string }[] }>(
      `/v1/people/user_id:${person}`,
    );
    return body.segments;
  };

  it('are entered and left at the exact millisecond, by random streams of many people', async () => {
    const views = randomViews(20_260_301, 12, 90);
    const byInstant = new Map<number, View[]>();
    for (const view of views)
      byInstant.set(view.receivedMs, [...(byInstant.get(view.receivedMs) ?? []), view]);
    for (const [receivedMs, together] of byInstant) {
      await platform.advanceTo(iso(receivedMs));
      const { status } = await platform.send(
        together.map(({ person, atMs }) => ({
          type: 'track',
          event: 'Product Viewed',
          userId: person,
          timestamp: iso(atMs),
        })),
      );
      expect(status).toBe(200);
    }
    await platform.advanceTo(iso(startMs + 60 * dayMs));

    const people = [...new Set(views.map(({ person }) => person))];
    const expected = Object.fromEntries(
      people.map((person) => [person, bruteForce(views.filter((view) => view.person === person))]),
    );
    expect(Object.values(expected).flat().length).toBeGreaterThan(20);
    await waitUntil(() =>
      Promise.resolve([...told.values()].flat().length >= Object.values(expected).flat().length),
    );
    expect(Object.fromEntries(people.map((person) => [person, told.get(person)]))).toEqual(expected);
  });

  it('are read as they are a millisecond before and at the end of a window', async () => {
    const firstMs = startMs + 61 * dayMs;
    for (const ms of [0, 5, 9]) {
      await platform.advanceTo(iso(firstMs + ms));
      await platform.send([
        { type: 'track', event: 'Product Viewed', userId: 'reader', timestamp: iso(firstMs + ms) },
      ]);
    }
    await platform.advanceTo(iso(firstMs + windowMs - 1));
    expect(await segmentsOf('reader')).toEqual([{ name: 'keen', since: iso(firstMs + 9) }]);
    await platform.advanceTo(iso(firstMs + windowMs));
    expect(await segmentsOf('reader')).toEqual([]);
  });
});

async function waitUntil(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 100 && !(await holds()); i++) await new Promise((resolve) => setTimeout(resolve, 50));
}
