import { createHash } from 'node:crypto';

/** Longer identifiers would not fit into ids and index keys of every store, whatever their script. */
const longest = 120;

/** An identifier as part of a store's key: itself, or its digest when it is long. */
export const storeKey = (identifier: string): string =>
  identifier.length <= longest
    ? identifier
    : `#${createHash('sha256').update(identifier).digest('base64url')}`;

/** Separates the parts of an id: no identifier, message id or name has it. */
export const separator = '\u0000';
