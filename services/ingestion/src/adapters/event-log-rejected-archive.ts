import { placeOf, readValue, topics } from '@rapport/contracts';
import type { EventLog, LogRecord } from '@rapport/event-log';
import type { ArchivedRejection, RejectedArchive, RejectedFilter } from '../ports/rejected-archive.js';

/** Records read in one go. */
const pageSize = 500;
/** How far back a listing looks per partition; a filter by a rare code must not read the whole topic. */
const maxLookBack = 20_000;

/** What `ListRejected` calls a record. */
const recordId = /^(\d{1,6})-(\d{1,15})$/;

/** Undefined for a record that is no rejection: somebody else wrote it, and there is nowhere to refuse it to. */
function archived(record: LogRecord): ArchivedRejection | undefined {
  if (record.value === null) return undefined;
  const read = readValue(topics.rejected.name, record.value);
  return 'problem' in read
    ? undefined
    : { id: `${record.partition}-${record.offset}`, rejection: read.value };
}

/** Reads the rejected topic backwards. */
export function eventLogRejectedArchive(log: Pick<EventLog, 'bounds' | 'read'>): RejectedArchive {
  const topic = topics.rejected.name;

  const newestOf = async (
    partition: number,
    first: number,
    end: number,
    { limit, code, stage }: RejectedFilter,
  ) => {
    const found: ArchivedRejection[] = [];
    // What was refused twice (a redelivery, two channels) has one key, and so stands in one partition.
    const seen = new Set<string>();
    const isNew = ({ rejection }: ArchivedRejection): boolean => {
      const place = placeOf(rejection);
      const name = `${rejection.stage}@${place}`;
      if (place === undefined) return true;
      return !seen.has(name) && seen.add(name).has(name);
    };
    const lowest = Math.max(first, end - maxLookBack);
    for (let to = end; to > lowest && found.length < limit; to -= pageSize) {
      const from = Math.max(lowest, to - pageSize);
      const page = await log.read(topic, partition, from, to - from);
      for (const record of [...page].reverse()) {
        if (record.offset >= to) continue;
        const one = archived(record);
        if (one === undefined || !isNew(one)) continue;
        const isAskedFor =
          (code === undefined || one.rejection.code === code) &&
          (stage === undefined || one.rejection.stage === stage);
        if (isAskedFor) found.push(one);
      }
    }
    return found;
  };

  return {
    newest: async (filter) => {
      const bounds = await log.bounds(topic);
      const perPartition = await Promise.all(
        bounds.map(({ first, end }, partition) => newestOf(partition, first, end, filter)),
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
        .slice(0, filter.limit);
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
