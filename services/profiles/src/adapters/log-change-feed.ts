import {
  cloudEventHeaders,
  encodeJson,
  topics,
  type IdentifiedEvent,
  type PlacedRecord,
  type ProfileChange,
} from '@rapport/contracts';
import type { EventLog } from '@rapport/event-log';
import { mapInTurns, type ProfileId } from '@rapport/kernel';
import type { ChangeFeed } from '../ports/change-feed.js';

/** Below the log's limit of 1,000,000 bytes for a record. */
const maxChangeBytes = 900_000;
const recordsPerRead = 500;

/** Tells changes through the topics. */
export class LogChangeFeed implements ChangeFeed {
  constructor(private readonly log: EventLog) {}

  async publish(changes: readonly ProfileChange[]): Promise<void> {
    await this.log.append(
      topics.profilesChanged.name,
      await mapInTurns(changes, (change) => ({
        key: change.profileId,
        value: encodeChange(change),
        headers: cloudEventHeaders(
          'rapport.profile.changed',
          `${change.profileId}:${change.version}`,
          change.asOf,
        ),
      })),
    );
  }

  async forward(
    events: readonly { readonly owner: ProfileId; readonly event: IdentifiedEvent }[],
  ): Promise<void> {
    await this.log.append(
      topics.identified.name,
      events.map(({ owner, event }) => ({
        key: owner,
        value: encodeJson(event),
        headers: cloudEventHeaders('rapport.event.identified', event.messageId, event.receivedAt),
      })),
    );
  }

  async identified(partition: number, after: number, upTo: number): Promise<readonly PlacedRecord[]> {
    const found: PlacedRecord[] = [];
    for (let from = after + 1; from <= upTo;) {
      const records = await this.log.read(topics.identified.name, partition, from, recordsPerRead);
      const last = records.at(-1);
      if (last === undefined) break;
      for (const record of records) if (record.offset <= upTo) found.push(record);
      from = last.offset + 1;
    }
    return found;
  }

  partitionOf(profileId: ProfileId): number {
    return this.log.partitionOf(topics.identified.name, profileId);
  }
}

/** A change that would not fit into a record leaves out the properties of its events, then its long traits, then all. */
function encodeChange(change: ProfileChange): Uint8Array {
  const whole = encodeJson(change);
  if (whole.byteLength <= maxChangeBytes) return whole;
  const events = change.events.map((event) => ({ ...event, properties: {} }));
  const lighter = encodeJson({ ...change, events });
  if (lighter.byteLength <= maxChangeBytes) return lighter;
  const traits = Object.fromEntries(
    Object.entries(change.view.traits).filter(([, { value }]) => JSON.stringify(value).length <= 256),
  );
  const short = encodeJson({ ...change, events, view: { ...change.view, traits } });
  return short.byteLength <= maxChangeBytes
    ? short
    : encodeJson({ ...change, events, view: { ...change.view, traits: {} } });
}
