import { decodeJson, topics, type RejectedEvent } from '@rapport/contracts';
import type { EventLog, LogRecord } from '@rapport/event-log';
import type { ArchivedRejection, RejectedArchive } from '../ports/rejected-archive.js';

/** Records read in one go. */
const pageSize = 500;
/** How far back a listing looks per partition; a filter by a rare code must not read the whole topic. */
const maxLookBack = 20_000;

/** What `ListRejected` calls a record. */
const recordId = /^(\d{1,6})-(\d{1,15})$/;

function archived(record: LogRecord): ArchivedRejection | undefined {
  if (record.value === null) return undefined;
  return { id: `${record.partition}-${record.offset}`, rejection: decodeJson<RejectedEvent>(record.value) };
}

/** Reads the rejected topic backwards. */
export function eventLogRejectedArchive(log: Pick<EventLog, 'bounds' | 'read'>): RejectedArchive {
  const topic = topics.rejected.name;

  const newestOf = async (
    partition: number,
    first: number,
    end: number,
    limit: number,
    code: string | undefined,
  ) => {
    const found: ArchivedRejection[] = [];
    const lowest = Math.max(first, end - maxLookBack);
    for (let to = end; to > lowest && found.length < limit; to -= pageSize) {
      const from = Math.max(lowest, to - pageSize);
      const page = await log.read(topic, partition, from, to - from);
      for (const record of [...page].reverse()) {
        if (record.offset >= to) continue;
        const one = archived(record);
        if (one && (code === undefined || one.rejection.code === code)) found.push(one);
      }
    }
    return found;
  };

  return {
    newest: async (limit, code) => {
      const bounds = await log.bounds(topic);
      const perPartition = await Promise.all(
        bounds.map(({ first, end }, partition) => newestOf(partition, first, end, limit, code)),
      );
      return perPartition
        .flat()
        .sort((a, b) =>
          a.rejection.rejectedAt < b.rejection.rejectedAt
            ? 1
            : a.rejection.rejectedAt > b.rejection.rejectedAt
              ? -1
              : 0,
        )
        .slice(0, limit);
    },
    find: async (id) => {
      const match = recordId.exec(id);
      if (match === null) return undefined;
      const partition = Number(match[1]);
      const offset = Number(match[2]);
      const bounds = (await log.bounds(topic))[partition];
      if (bounds === undefined || offset < bounds.first || offset >= bounds.end) return undefined;
      const [record] = await log.read(topic, partition, offset, 1);
      return record?.offset === offset ? archived(record) : undefined;
    },
  };
}
