import { isDeepStrictEqual } from 'node:util';
import { call, untilThrough, type Door } from '../door.js';

/** Lines that say in what two platforms differ about people; for finding out why digests do. */
export async function peopleApart(one: Door, other: Door, longest: number): Promise<readonly string[]> {
  const [here, there] = [await peopleOf(one), await peopleOf(other)];
  const apart: string[] = [
    ...[...here.keys()].filter((key) => !there.has(key)).map((key) => `only in the first: ${key}`),
    ...[...there.keys()].filter((key) => !here.has(key)).map((key) => `only in the second: ${key}`),
  ];
  for (const key of [...here.keys()].filter((known) => there.has(known)).sort()) {
    if (apart.length >= longest) break;
    const first = key.split(' ')[0] ?? '';
    const [left, right] = [await partsOf(one, first), await partsOf(other, first)];
    for (const [name, value] of Object.entries(left)) {
      if (!isDeepStrictEqual(value, right[name]))
        apart.push(`${first} ${name}: ${JSON.stringify(value)} and ${JSON.stringify(right[name])}`);
    }
  }
  return apart.slice(0, longest);
}

/** People that both have, under another profile id: what is drawn from it, such as the arm of a test, would be another. */
export async function profileIdsApart(one: Door, other: Door, longest: number): Promise<readonly string[]> {
  const [here, there] = [await peopleOf(one), await peopleOf(other)];
  return [...here]
    .map(([key, profileId]) => ({ key, ids: [profileId, there.get(key) ?? profileId] as const }))
    .filter(({ ids }) => ids[0] !== ids[1])
    .map(({ key, ids }) => `${key} has the id ${ids.join(' and ')}`)
    .slice(0, longest);
}

/** Everybody, as their identifiers in order, with their profile id. */
async function peopleOf(door: Door): Promise<ReadonlyMap<string, string>> {
  const response = await fetch(`${door.httpUrl}/v1/export/events`, {
    headers: { authorization: `Bearer ${door.apiToken}` },
    signal: AbortSignal.timeout(600_000),
  });
  if (!response.ok) throw new Error(`the export answered ${response.status}: ${await response.text()}`);
  const people = new Map<string, string>();
  for (const line of (await response.text()).split('\n')) {
    if (!line.startsWith('{"kind":"person"')) continue;
    const { profileId, identifiers } = JSON.parse(line) as {
      readonly profileId: string;
      readonly identifiers: readonly string[];
    };
    people.set([...identifiers].sort().join(' '), profileId);
  }
  return people;
}

/** What the digest is made of, as far as the door shows it. */
async function partsOf(door: Door, identifier: string): Promise<Readonly<Record<string, unknown>>> {
  const { body } = await untilThrough(() =>
    call(door, 'GET', `/v1/people/${encodeURIComponent(identifier)}`),
  );
  const { traits, computedTraits, segments, consent, firstSeen, lastSeen } = body as {
    traits: Readonly<Record<string, { readonly value: unknown; readonly at: unknown }>>;
    computedTraits: Readonly<Record<string, unknown>>;
    segments: readonly { readonly name: string }[];
    consent: Readonly<Record<string, unknown>>;
    firstSeen: unknown;
    lastSeen: unknown;
  };
  return {
    traits: Object.fromEntries(
      Object.entries(traits).map(([name, { value, at }]) => [name, { value, at }] as const),
    ),
    computedTraits,
    segments: segments.map(({ name }) => name),
    consent,
    firstSeen,
    lastSeen,
  };
}
