import { canBeKept, fitsKeys, identifier, keyBytes, maxKeyBytes, type Identifier } from '@rapport/kernel';
import type { JsonObject } from '@rapport/contracts';
import { kindOf, Refused } from './json-fields.js';

/** Beyond this an event is refused: no honest event names so many. */
export const maxIdentifiers = 20;

/** One @, something on both sides, no spaces: enough to tell an address from a slip. */
const emailShape = /^[^\s@]+@[^\s@]+$/;
/** What the kernel takes as the type of an identifier. */
const identifierType = /^[a-z][a-z0-9_]{0,31}$/;

/**
 * An id as the identifier that it becomes: numbers are written out as Segment's libraries do, outer spaces go, empty
 * text and null count as absent. Whole numbers that JSON readers round are refused, because two people would become one.
 */
export function readId(value: unknown, type: string, path: string): Identifier | undefined | Refused {
  const text = readIdText(value, path);
  if (text === undefined || text instanceof Refused) return text;
  // Measured as it is kept: a letter in lower case may have more bytes.
  const id = identifier(type, type === 'email' ? text.toLowerCase() : text);
  return canBeKept(id) ? id : unfitId(id, type, path);
}

function unfitId(id: Identifier, type: string, path: string): Refused {
  if (!fitsKeys(id)) return unfit(path);
  const others = type.length + 1;
  return new Refused(
    'INGESTION_ID_INVALID',
    `${path}: expected at most ${maxKeyBytes - others} bytes of UTF-8; got ${keyBytes(id) - others}`,
  );
}

function readIdText(value: unknown, path: string): string | undefined | Refused {
  if (typeof value === 'string') {
    const text = value.trim();
    return text === '' ? undefined : text;
  }
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
      return new Refused(
        'INGESTION_ID_INVALID',
        `${path}: expected a string or a whole number up to 2^53; a longer number loses digits, send it as a string`,
      );
    }
    return String(value);
  }
  return new Refused('INGESTION_FIELD_TYPE', `${path}: expected a string or a number; got ${kindOf(value)}`);
}

export const unfit = (path: string): Refused =>
  new Refused(
    'INGESTION_ID_INVALID',
    `${path}: expected neither control characters nor half of a character (a text cut within an emoji)`,
  );

/** The e-mail address of a traits object, lower-cased; undefined when there is none that looks like one. */
export function readEmail(traits: JsonObject | undefined): Identifier | undefined {
  const email = traits?.['email'];
  if (typeof email !== 'string') return undefined;
  const address = email.trim().toLowerCase();
  const id = identifier('email', address);
  return canBeKept(id) && emailShape.test(address) ? id : undefined;
}

/**
 * `context.externalIds` as Segment writes them, `{ id, type, collection, encoding }`: those of the collection
 * `users`, their types in lower-case snake (`ios.idfa` → `ios_idfa`).
 */
export function readExternalIds(context: JsonObject | undefined): readonly Identifier[] | Refused {
  const given = context?.['externalIds'];
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given)) {
    return new Refused(
      'INGESTION_FIELD_TYPE',
      `context.externalIds: expected an array; got ${kindOf(given)}`,
    );
  }
  const identifiers: Identifier[] = [];
  for (const [index, entry] of (given as readonly unknown[]).entries()) {
    const path = `context.externalIds[${index}]`;
    if (typeof entry !== 'object' || entry === null) {
      return new Refused(
        'INGESTION_FIELD_TYPE',
        `${path}: expected an object with id and type; got ${kindOf(entry)}`,
      );
    }
    const { id, type, collection } = entry as { id?: unknown; type?: unknown; collection?: unknown };
    if (typeof collection === 'string' && collection !== 'users') continue;
    const name = typeof type === 'string' ? type.toLowerCase().replace(/[^a-z0-9]+/g, '_') : '';
    if (!identifierType.test(name)) {
      return new Refused(
        'INGESTION_FIELD_TYPE',
        `${path}.type: expected a name of letters, digits and underscores, at most 32; got ${JSON.stringify(type)?.slice(0, 60)}`,
      );
    }
    const one = readId(id, name, `${path}.id`);
    if (one instanceof Refused) return one;
    if (one !== undefined) identifiers.push(one);
  }
  return identifiers;
}
