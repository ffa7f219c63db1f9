import {
  AssignerProtocol,
  type Assigner,
  type Cluster,
  type GroupMember,
  type GroupMemberAssignment,
} from 'kafkajs';

/**
 * Gives partition n of every topic to the same member: the folds of one person read topics that are partitioned
 * alike. Members keep what they had as far as the shares stay even, so that a joining member interrupts few.
 */
export function coPartitionAssigner(
  partitionsNow: () => readonly number[],
): (config: { cluster: Cluster }) => Assigner {
  return ({ cluster }) => ({
    name: 'rapport-co-partition',
    version: 0,
    protocol: ({ topics }) => ({
      name: 'rapport-co-partition',
      metadata: AssignerProtocol.MemberMetadata.encode({
        version: 0,
        topics,
        userData: Buffer.from(JSON.stringify(partitionsNow())),
      }),
    }),
    assign: ({ members, topics }) => {
      const counts = topics.map((topic) => cluster.findTopicPartitionMetadata(topic).length);
      const shares = shareOut(Math.max(0, ...counts), members.map(heldBy));
      return Promise.resolve(
        members.map((member, at) => assignmentOf(member, topics, counts, shares[at] ?? [])),
      );
    },
  });
}

function assignmentOf(
  { memberId }: GroupMember,
  topics: readonly string[],
  counts: readonly number[],
  share: readonly number[],
): GroupMemberAssignment {
  const assignment = Object.fromEntries(
    topics.map((topic, at) => [topic, share.filter((partition) => partition < (counts[at] ?? 0))]),
  );
  return {
    memberId,
    memberAssignment: AssignerProtocol.MemberAssignment.encode({
      version: 0,
      assignment,
      userData: Buffer.alloc(0),
    }),
  };
}

export interface Holding {
  readonly id: string;
  /** What the member held when it joined. */
  readonly had: readonly number[];
}

function heldBy({ memberId, memberMetadata }: GroupMember): Holding {
  try {
    const had: unknown = JSON.parse(
      AssignerProtocol.MemberMetadata.decode(memberMetadata)?.userData.toString('utf8') ?? '[]',
    );
    return { id: memberId, had: Array.isArray(had) ? had.filter((each) => typeof each === 'number') : [] };
  } catch {
    return { id: memberId, had: [] };
  }
}

/** Even shares of the partitions, in the order of the members; what a member had it keeps as far as its share goes. */
export function shareOut(partitions: number, members: readonly Holding[]): number[][] {
  if (members.length === 0) return [];
  const order = members
    .map((member, at) => ({ member, at }))
    .sort((a, b) => (a.member.id < b.member.id ? -1 : 1));
  const least = Math.floor(partitions / members.length);
  let larger = partitions % members.length;
  const shares: number[][] = members.map(() => []);
  const taken = new Set<number>();
  // Those with most go first: they keep a larger share where there is one.
  for (const { member, at } of [...order].sort((a, b) => b.member.had.length - a.member.had.length)) {
    const keepable = [...new Set(member.had)]
      .filter((partition) => partition >= 0 && partition < partitions && !taken.has(partition))
      .sort((a, b) => a - b);
    const size = least + (larger > 0 && keepable.length > least ? 1 : 0);
    if (size > least) larger--;
    for (const partition of keepable.slice(0, size)) {
      taken.add(partition);
      shares[at]?.push(partition);
    }
  }
  for (let partition = 0; partition < partitions; partition++) {
    if (taken.has(partition)) continue;
    const smallest = order.reduce((best, each) =>
      (shares[each.at]?.length ?? 0) < (shares[best.at]?.length ?? 0) ? each : best,
    );
    shares[smallest.at]?.push(partition);
  }
  return shares.map((share) => share.sort((a, b) => a - b));
}
