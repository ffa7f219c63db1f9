import { createHmac } from 'node:crypto';
import { RapportError } from '@rapport/kernel';

/**
 * `browser`: public, as in a page or an app, where anybody can read it; what comes with it is trusted accordingly.
 * `server`: known to servers only.
 */
export type KeyKind = 'browser' | 'server';

/** Whom a write key names. */
export interface KeyHolder {
  readonly source: string;
  readonly kind: KeyKind;
  /** False where the kind was not said: `server` then. */
  readonly isKindSaid: boolean;
}

/** Write key to who holds it. */
export type KeyHolders = ReadonlyMap<string, KeyHolder>;

const expected =
  'RAPPORT_WRITE_KEYS: expected source=key, source:browser=key or source:server=key with commas between, for example shop:server=abc123,web:browser=def456';

function invalid(got: string): RapportError {
  return new RapportError('CONFIG_INVALID', 'invalid', `${expected}; ${got}`);
}

/** Reads `source[:browser|server]`. Throws CONFIG_INVALID for another kind. */
export function holderOf(name: string): KeyHolder {
  const [source = '', kind, ...rest] = name.split(':').map((part) => part.trim());
  if (source === '') throw invalid('got a key without a source');
  if (kind === undefined) return { source, kind: 'server', isKindSaid: false };
  if (rest.length > 0 || (kind !== 'browser' && kind !== 'server'))
    throw invalid(`got the kind ${JSON.stringify([kind, ...rest].join(':'))} for the source ${source}`);
  return { source, kind, isKindSaid: true };
}

/** Reads RAPPORT_WRITE_KEYS: pairs `source[:browser|server]=key`, comma between. Throws CONFIG_INVALID; no key is repeated in it. */
export function parseWriteKeys(text: string): KeyHolders {
  const holders = new Map<string, KeyHolder>();
  for (const pair of text.split(',')) {
    const at = pair.indexOf('=');
    const key = pair.slice(at + 1).trim();
    if (at < 1 || key === '') throw invalid('got a pair without a source or without a key');
    const holder = holderOf(pair.slice(0, at));
    const other = holders.get(key);
    if (other !== undefined && (other.source !== holder.source || other.kind !== holder.kind))
      throw invalid(
        `got one key for both ${nameOf(other)} and ${nameOf(holder)}; give each a key of its own`,
      );
    holders.set(key, holder);
  }
  return holders;
}

const nameOf = ({ source, kind, isKindSaid }: KeyHolder): string =>
  isKindSaid ? `${source}:${kind}` : source;

/** The same the other way: what another process reads as these keys. */
export const formatWriteKeys = (holders: KeyHolders): string =>
  [...holders].map(([key, holder]) => `${nameOf(holder)}=${key}`).join(',');

/** Sources of which some key counts as a server's only because nobody said its kind. */
export const unsaidSources = (holders: KeyHolders): readonly string[] => [
  ...new Set([...holders.values()].flatMap(({ source, isKindSaid }) => (isKindSaid ? [] : [source]))),
];

/** The source as which the platform speaks through its own front door. */
export const ownSource = 'rapport';

/**
 * The write key with which the platform speaks through its own front door (somebody unsubscribed, say), as the source
 * `rapport`. It follows from the API token, so every process of a deployment knows it.
 */
export const ownWriteKey = (apiToken: string): string =>
  createHmac('sha256', apiToken).update('write key of the source rapport').digest('base64url');
