/** `policy.json` of a model: which versions are loaded at start, and which one answers when a caller names none. */
export interface VersionPolicy {
  /** Default `all`. */
  readonly serve?: 'all' | 'latest' | readonly string[] | undefined;
  /** Default: the highest that is ready. */
  readonly default?: string | undefined;
}

/** Versions in order: texts first, then numbers by value, so that a number is the newest. */
export function compareVersions(a: string, b: string): number {
  const left = /^\d+$/.test(a) ? Number(a) : undefined;
  const right = /^\d+$/.test(b) ? Number(b) : undefined;
  if (left !== undefined && right !== undefined) return left - right;
  if (left !== undefined || right !== undefined) return left === undefined ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The versions that a policy loads at start. */
export function versionsToLoad(
  policy: VersionPolicy | undefined,
  present: readonly string[],
): readonly string[] {
  const serve = policy?.serve ?? 'all';
  const ordered = [...present].sort(compareVersions);
  if (serve === 'all') return ordered;
  if (serve === 'latest') return ordered.slice(-1);
  return serve;
}

/** The version that answers a caller who names none, out of those that are ready. */
export function defaultVersion(
  policy: VersionPolicy | undefined,
  ready: readonly string[],
): string | undefined {
  if (policy?.default !== undefined) return ready.includes(policy.default) ? policy.default : undefined;
  return [...ready].sort(compareVersions).at(-1);
}
