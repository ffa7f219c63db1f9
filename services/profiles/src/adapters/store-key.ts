import { createHash } from 'node:crypto';
import { maxKeyBytes, weighsAtMost } from '@rapport/kernel';

/** In characters: what is longer has stood under its digest from the beginning. */
const longest = 120;
/** Two of them and what separates them are one key, whatever their script. */
const mostBytes = Math.floor((maxKeyBytes - 1) / 2);

/** An identifier or a message id as part of a store's key: itself, or its digest when it is long. */
export const storeKey = (identifier: string): string =>
  identifier.length <= longest && weighsAtMost(identifier, mostBytes)
    ? identifier
    : `#${createHash('sha256').update(identifier).digest('base64url')}`;

/** Separates the parts of an id: no identifier, message id or name has it. */
export const separator = '\u0000';
