import type { Kafka } from 'kafkajs';
import { innerCluster } from './inner-cluster.js';

/**
 * Takes those members out of a group that go by our own client id: a process of the same name that was killed. The
 * broker would wait for them until their session ends, and the whole group with it. Whoever is taken out and lives
 * after all finds its membership gone at the next heartbeat, at most a second later, and begins nothing more; what it
 * writes until then, stores refuse by version and the group by generation. Answers how many there were.
 */
export async function expelFormerMembers(kafka: Kafka, group: string, clientId: string): Promise<number> {
  const cluster = innerCluster(kafka);
  try {
    await cluster.connect();
    const coordinator = await cluster.findGroupCoordinator({ groupId: group });
    const { groups } = await coordinator.describeGroups({ groupIds: [group] });
    const former = groups.flatMap(({ members }) => members).filter((member) => member.clientId === clientId);
    for (const { memberId } of former) await coordinator.leaveGroup({ groupId: group, memberId });
    return former.length;
  } finally {
    await cluster.disconnect().catch(() => undefined);
  }
}
