import { RapportError } from './errors.js';

/**
 * Whether what was thrown is the fault of what was worked on, so that trying again changes nothing: an error of the
 * language (TypeError, RangeError, SyntaxError, ReferenceError, URIError), or a RapportError that calls its input
 * `invalid` or `too_large`. Everything else (an engine that is away or full, a conflict, a partition that went, what a
 * driver throws, memory that ran out) is infrastructure: it passes, and is waited for.
 */
export function isPoison(thrown: unknown): boolean {
  if (thrown instanceof RapportError) return thrown.status === 'invalid' || thrown.status === 'too_large';
  if (!(thrown instanceof Error) || 'code' in thrown) return false;
  // `fetch failed` is a TypeError whose cause is the network's.
  if (thrown.cause !== undefined) return isPoison(thrown.cause);
  return languageErrors.has(thrown.name) && !outOfMemory.test(thrown.message);
}

/** By name: an error may come from another realm, where `instanceof` does not know it. */
const languageErrors: ReadonlySet<string> = new Set([
  'TypeError',
  'RangeError',
  'SyntaxError',
  'ReferenceError',
  'URIError',
]);
const outOfMemory = /allocation failed|out of memory/i;

/** What `SCOPE_REASON` code tells of something that was thrown. */
export function codeOf(thrown: unknown, otherwise: string): string {
  return thrown instanceof RapportError ? thrown.code : otherwise;
}

/**
 * Does work on all of them at once. Where that fails and one of them is to blame, halves are tried until it stands
 * alone; it is handed to `onPoison`, and the others are worked on. Work that is done again must be harmless. What is
 * infrastructure's is thrown on.
 */
export async function sparing<T>(
  all: readonly T[],
  work: (some: readonly T[]) => Promise<unknown>,
  onPoison: (one: T, thrown: unknown) => Promise<unknown>,
): Promise<void> {
  if (all.length === 0) return;
  try {
    await work(all);
  } catch (thrown) {
    if (!isPoison(thrown)) throw thrown;
    if (all.length === 1) {
      await onPoison(all[0] as T, thrown);
      return;
    }
    const half = all.length >> 1;
    await sparing(all.slice(0, half), work, onPoison);
    await sparing(all.slice(half), work, onPoison);
  }
}
