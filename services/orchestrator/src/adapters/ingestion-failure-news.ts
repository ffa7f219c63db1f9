import { ingestionProto } from '@rapport/contracts';
import { RapportError } from '@rapport/kernel';
import type { Calls } from '@rapport/service-host';
import { namesOf } from '../domain/person.js';
import type { FailureNews } from '../ports/failure-news.js';

/** What ingestion says when the same event may be taken later. */
const passing: ReadonlySet<string> = new Set(['INGESTION_OVER_CAPACITY', 'INGESTION_LOG_UNAVAILABLE']);

/** Failures as events like any other, `Message Failed`, from the source `rapport`. */
export function createIngestionFailureNews(calls: Calls, writeKey: string): FailureNews {
  const ingestion = calls.to<ingestionProto.IngestionService>(ingestionProto.IngestionServiceDefinition);
  return {
    tell: async ({ identifiers }, { messageId, replays, channel, tactic, reason, detail, atMs, message }) => {
      const { userId, anonymousId, traits } = namesOf(identifiers);
      const { journey } = message;
      const { results } = await ingestion.accept({
        writeKey,
        sentAt: '',
        events: [
          {
            type: 'track',
            // The same each time that it is told, so that it counts once.
            messageId: `failed.${replays}.${messageId}`,
            userId,
            anonymousId,
            event: 'Message Failed',
            name: '',
            category: '',
            groupId: '',
            previousId: '',
            properties: {
              messageId,
              channel,
              tactic,
              ...(journey === undefined ? {} : { journey }),
              reason: reason ?? '',
              detail,
            },
            traits: undefined,
            context: { traits },
            timestamp: new Date(atMs).toISOString(),
          },
        ],
      });
      const verdict = results[0];
      // Any other refusal is final, and stands among the rejected records.
      if (verdict !== undefined && (verdict.accepted || !passing.has(verdict.code))) return;
      throw new RapportError(
        'ORCHESTRATOR_NEWS_REFUSED',
        'unavailable',
        `the failure of message ${messageId} could not be put on the timeline: ${verdict?.detail ?? 'no verdict came back'}`,
      );
    },
  };
}
