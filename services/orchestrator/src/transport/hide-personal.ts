import type { DecisionRecord } from '@rapport/contracts';
import { withoutPersonalIdentifier, withoutPersonalText, withoutPersonalValues } from '@rapport/kernel';
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

/** What somebody else said, as this caller may see it: mail servers name the address that they refuse. */
export const shownText = (text: string, asked: Asked | undefined): string =>
  seesPersonal(asked) ? text : withoutPersonalText(text);
