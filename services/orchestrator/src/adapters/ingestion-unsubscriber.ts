import { ingestionProto } from '@rapport/contracts';
import type { Calls } from '@rapport/service-host';
import { namesOf } from '../domain/person.js';
import { unsubscribeRefused } from '../orchestrator.errors.js';

/** Records that a person wants no more messages of a purpose: an event like any other, from the source `rapport`. */
export function createIngestionUnsubscriber(
  calls: Calls,
  writeKey: string,
): (identifiers: readonly string[], purpose: string, messageId: string) => Promise<void> {
  const ingestion = calls.to<ingestionProto.IngestionService>(ingestionProto.IngestionServiceDefinition);
  return async (identifiers, purpose, messageId) => {
    const { userId, anonymousId, traits } = namesOf(identifiers);
    const { results } = await ingestion.accept({
      writeKey,
      sentAt: '',
      events: [
        {
          type: 'track',
          messageId,
          userId,
          anonymousId,
          event: 'Unsubscribed',
          name: '',
          category: '',
          groupId: '',
          previousId: '',
          properties: { purpose },
          traits: undefined,
          context: { consent: { categoryPreferences: { [purpose]: false } }, traits },
          timestamp: '',
        },
      ],
    });
    const verdict = results[0];
    if (verdict?.accepted !== true) throw unsubscribeRefused(verdict?.detail ?? 'no verdict came back');
  };
}
