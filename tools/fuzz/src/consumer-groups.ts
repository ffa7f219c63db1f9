import { topics } from '@rapport/contracts';

/** Every consumer group of the platform with its topics; `consumer-groups.spec.ts` finds one that is missing. */
export const consumerGroups: readonly { readonly group: string; readonly topics: readonly string[] }[] = [
  { group: 'identity', topics: [topics.accepted.name] },
  { group: 'profiles', topics: [topics.identified.name, topics.identityChanged.name] },
  { group: 'model-serving', topics: [topics.profilesChanged.name] },
  { group: 'journeys', topics: [topics.profilesChanged.name, topics.decisionsMade.name] },
  { group: 'deliver-email', topics: [topics.messagesRequested.name] },
  { group: 'deliver-on_site', topics: [topics.messagesRequested.name] },
  { group: 'deliver-webhook', topics: [topics.messagesRequested.name] },
];
