import { RapportError } from '@rapport/kernel';
import { profilesErrors } from '../profiles.errors.js';

/** An ISO 8601 instant of a request, in milliseconds. Throws PROFILES_REQUEST_INVALID. */
export function instantOf(field: string, text: string): number {
  const instant = Date.parse(text);
  if (!Number.isNaN(instant)) return instant;
  throw new RapportError(
    profilesErrors.requestInvalid,
    'invalid',
    `${field}: expected an ISO 8601 instant, for example 2026-01-31T12:00:00Z; got ${JSON.stringify(text.slice(0, 40))}`,
  );
}

/** A page size of a request: the default for 0, the most for more. */
export const limitOf = (asked: number, byDefault: number, most: number): number =>
  asked === 0 ? byDefault : Math.min(asked, most);

/** A page size written as text. Throws PROFILES_REQUEST_INVALID. */
export function limitIn(text: string | undefined, byDefault: number, most: number): number {
  if (text === undefined || text === '') return byDefault;
  const asked = Number(text);
  if (Number.isSafeInteger(asked) && asked > 0) return Math.min(asked, most);
  throw new RapportError(
    profilesErrors.requestInvalid,
    'invalid',
    `limit: expected a whole number from 1 to ${most}; got ${JSON.stringify(text.slice(0, 40))}`,
  );
}
