import type { DecisionRecord } from '@rapport/contracts';
import { withoutPersonalIdentifier, withoutPersonalValues } from '@rapport/kernel';
import { seesPersonal, type Asked } from '@rapport/service-host';

/** An entry of the ledger as this caller may see it. */
export const shownDecision = <Entry extends Pick<DecisionRecord, 'person'>>(
  entry: Entry,
  asked: Asked | undefined,
): Entry =>
  seesPersonal(asked)
    ? entry
    : {
        ...withoutPersonalValues(entry, 'properties'),
        person: withoutPersonalIdentifier(entry.person),
      };
