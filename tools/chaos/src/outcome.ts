import { topics, type RequestedMessage } from '@rapport/contracts';
import { call, untilThrough, type Door } from './door.js';

/** One person as the platform's doors show it. */
export interface ShownPerson {
  readonly profileId: string;
  readonly identifiers: readonly { readonly type: string; readonly value: string }[];
  readonly traits: Readonly<Record<string, { readonly value: unknown }>>;
  readonly computedTraits: Readonly<Record<string, unknown>>;
  readonly segments: readonly { readonly name: string }[];
  readonly consent: Readonly<Record<string, { readonly granted: boolean }>>;
}

/** What a platform made of a load. */
export interface Outcome {
  readonly digest: string;
  readonly people: number;
  /** In the order of the export: by person. */
  readonly timelines: readonly {
    readonly identifiers: readonly string[];
    readonly messageIds: readonly string[];
  }[];
  readonly shown: readonly ShownPerson[];
  /** Messages as requested, by id; absent where the log cannot be read from outside (embedded). */
  readonly messages?: readonly RequestedMessage[];
  /** Ids of messages with a delivery on record. */
  readonly delivered?: ReadonlyMap<string, string>;
}

/** Reads everything through the doors; `asked`: one identifier for each person that is expected. */
export async function readOutcome(door: Door, atIso: string, asked: readonly string[]): Promise<Outcome> {
  const digest = await untilThrough(() => call(door, 'GET', `/v1/digest?at=${atIso}`, undefined, 300_000));
  const { digest: value, people } = digest.body as { digest: string; people: number };
  const rest = asked.entries();
  const shown: ShownPerson[] = [];
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (const [index, person] of rest) {
        const { body } = await untilThrough(() =>
          call(door, 'GET', `/v1/people/${encodeURIComponent(person)}`),
        );
        shown[index] = body as ShownPerson;
      }
    }),
  );
  return { digest: value, people, shown, timelines: await readTimelines(door) };
}

async function readTimelines(door: Door): Promise<Outcome['timelines']> {
  const response = await fetch(`${door.httpUrl}/v1/export/events`, {
    headers: { authorization: `Bearer ${door.apiToken}` },
    signal: AbortSignal.timeout(300_000),
  });
  if (!response.ok) throw new Error(`the export answered ${response.status}: ${await response.text()}`);
  const timelines = new Map<string, { identifiers: readonly string[]; messageIds: string[] }>();
  for (const line of (await response.text()).split('\n')) {
    if (line === '') continue;
    const { kind, profileId, identifiers, messageId } = JSON.parse(line) as {
      kind: string;
      profileId: string;
      identifiers: readonly string[];
      messageId: string;
    };
    if (kind === 'person')
      timelines.set(profileId, { identifiers, messageIds: timelines.get(profileId)?.messageIds ?? [] });
    else {
      const known = timelines.get(profileId) ?? { identifiers: [], messageIds: [] };
      timelines.set(profileId, known);
      known.messageIds.push(messageId);
    }
  }
  return [...timelines.values()];
}

export const requestedTopic = topics.messagesRequested.name;
