import type { Kafka, KafkaMessage } from 'kafkajs';

/** The part of kafkajs' inner Cluster that this adapter needs beyond what kafkajs shows. */
export interface InnerCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findBroker(node: { readonly nodeId: string }): Promise<{ fetch(request: object): Promise<FetchAnswer> }>;
  findGroupCoordinator(group: { readonly groupId: string }): Promise<GroupCoordinator>;
}

export interface FetchAnswer {
  readonly responses: readonly {
    readonly partitions: readonly {
      readonly messages: readonly (KafkaMessage & { readonly isControlRecord?: boolean })[];
    }[];
  }[];
}

export interface GroupCoordinator {
  describeGroups(request: { readonly groupIds: readonly string[] }): Promise<{
    readonly groups: readonly {
      readonly members: readonly { readonly memberId: string; readonly clientId: string }[];
    }[];
  }>;
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
}

/**
 * kafkajs has what we need only inside: its consumer would join a group before it reads, and nobody but a member may
 * leave a group. Its version is pinned, and this is the only file that looks inside.
 */
export function innerCluster(kafka: Kafka): InnerCluster {
  const create = Object.getOwnPropertySymbols(kafka).find(
    (symbol) => symbol.description === 'private:Kafka:createCluster',
  );
  const inner: unknown = create === undefined ? undefined : Reflect.get(kafka, create);
  if (typeof inner !== 'function')
    throw new Error('kafkajs is not the version that this file was written for (2.2.4)');
  return Reflect.apply(inner, kafka, [{ allowAutoTopicCreation: false, isolationLevel: 1 }]) as InnerCluster;
}
