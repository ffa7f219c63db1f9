import { createHash } from 'node:crypto';
import { RapportError } from './errors.js';
import { maxKeyBytes, weighsAtMost } from './key-measure.js';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A typed value that points at a person, written `type:value` (`user_id:42`, `email:ada@example.com`). */
export type Identifier = Branded<'Identifier'>;
/** The identifier that an event is filed under for ever; chosen from the event alone. */
export type Origin = Identifier;
/** The canonical id of a person; it stays with the elder side of a merge. */
export type ProfileId = Branded<'ProfileId'>;

/** Lower-case snake: the type of an identifier. */
const identifierType = /^[a-z][a-z0-9_]{0,31}$/;
/** What keys of stores and of the log cannot hold: control characters, and halves of a character that was cut. */
const unfitForKeys = /[\u0000-\u001f\u007f]|\p{Surrogate}/u;

/** Whether a text can be, or be part of, a key: stores give it back as it was. */
export function fitsKeys(text: string): boolean {
  return !unfitForKeys.test(text);
}

/** Joins a type and a value that the caller has already checked. */
export function identifier(type: string, value: string): Identifier {
  return `${type}:${value}` as Identifier;
}

/** Whether an identifier, written `type:value`, can be kept in every room: at most 500 bytes of fitting text. */
export function canBeKept(id: Identifier): boolean {
  return weighsAtMost(id, maxKeyBytes) && fitsKeys(id);
}

/** Reads `type:value` as a person writes it; e-mail values are lower-cased. Throws IDENTIFIER_INVALID. */
export function parseIdentifier(text: string): Identifier {
  const colon = text.indexOf(':');
  const type = text.slice(0, colon);
  const given = text.slice(colon + 1);
  // Measured as it is kept: a letter in lower case may have more bytes.
  const value = type === 'email' ? given.trim().toLowerCase() : given;
  const id = identifier(type, value);
  if (colon < 1 || !identifierType.test(type) || value === '' || !canBeKept(id)) {
    throw new RapportError(
      'IDENTIFIER_INVALID',
      'invalid',
      `expected a person written type:value, for example user_id:42, of at most ${maxKeyBytes} bytes without control characters; got ${JSON.stringify(text.slice(0, 80))}`,
    );
  }
  return id;
}

/** What a profile id looks like: `profileIdOf` makes shorter ones. */
const profileIdForm = /^p_[\w-]{1,64}$/;

/** Whether a text is written as a profile id is. */
export function isProfileId(text: string): text is ProfileId {
  return profileIdForm.test(text);
}

/** Splits an identifier into its two halves. */
export function partsOf(id: Identifier): { type: string; value: string } {
  const colon = id.indexOf(':');
  return { type: id.slice(0, colon), value: id.slice(colon + 1) };
}

/** The id that a person gets from its first identifier: the same input gives the same id on every run. */
export function profileIdOf(first: Identifier): ProfileId {
  return `p_${createHash('sha256').update(first).digest('base64url').slice(0, 22)}` as ProfileId;
}
