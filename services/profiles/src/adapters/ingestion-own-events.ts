import type { ingestionProto } from '@rapport/contracts';
import { partsOf, RapportError, type Identifier } from '@rapport/kernel';
import type { OwnEvents } from '../ports/own-events.js';
import { profilesErrors } from '../profiles.errors.js';

/** Sends events through the front door, as the source `rapport`. */
export class IngestionOwnEvents implements OwnEvents {
  constructor(
    private readonly ingestion: Pick<ingestionProto.IngestionService, 'accept'>,
    private readonly writeKey: string,
  ) {}

  async recordConsent({
    identifiers,
    purpose,
    granted,
    source,
  }: Parameters<OwnEvents['recordConsent']>[0]): Promise<string> {
    const { results } = await this.ingestion.accept({
      writeKey: this.writeKey,
      sentAt: '',
      events: [
        {
          ...namesOf(identifiers),
          type: 'track',
          messageId: '',
          event: granted ? 'Consent Granted' : 'Consent Revoked',
          name: '',
          category: '',
          groupId: '',
          previousId: '',
          properties: { purpose, source },
          traits: undefined,
          timestamp: '',
        },
      ],
    });
    const verdict = results[0];
    if (verdict?.accepted === true) return verdict.messageId;
    throw new RapportError(
      profilesErrors.consentRefused,
      'invalid',
      `the consent event was refused: ${verdict?.code ?? 'no verdict came'} ${verdict?.detail ?? ''}`,
    );
  }
}

/** How an event names somebody: by the account, else a device, else what there is. */
function namesOf(
  identifiers: readonly Identifier[],
): Pick<ingestionProto.Event, 'userId' | 'anonymousId' | 'context'> {
  const parts = identifiers.map(partsOf);
  const valueOf = (type: string): string => parts.find((one) => one.type === type)?.value ?? '';
  const userId = valueOf('user_id');
  const anonymousId = userId === '' ? valueOf('anonymous_id') : '';
  if (userId !== '' || anonymousId !== '') return { userId, anonymousId, context: undefined };
  return {
    userId,
    anonymousId,
    context: { externalIds: parts.slice(0, 1).map(({ type, value }) => ({ type, id: value })) },
  };
}
