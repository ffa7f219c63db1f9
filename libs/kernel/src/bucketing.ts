/** FNV-1a, 32 bit, over UTF-16 code units: the hash that GrowthBook's SDKs use. */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

/**
 * Where a unit falls in [0, 1) under a seed: GrowthBook hashing version 2,
 * `fnv(str(fnv(seed + value))) % 10000 / 10000`. Stable for ever; steps of 0.0001.
 */
export function bucketOf(seed: string, unit: string): number {
  return (fnv1a32(String(fnv1a32(seed + unit))) % 10_000) / 10_000;
}
