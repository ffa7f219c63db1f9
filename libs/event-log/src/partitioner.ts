/**
 * Kafka's murmur2 (org.apache.kafka.common.utils.Utils.murmur2) over the UTF-8 bytes of a key, as a signed 32-bit
 * number. Keys of plain ASCII are hashed without being encoded.
 */
export function murmur2(key: string): number {
  for (let i = 0; i < key.length; i++) {
    if (key.charCodeAt(i) > 0x7f) {
      const bytes = Buffer.from(key, 'utf8');
      return hash(bytes.length, (at) => bytes[at] ?? 0);
    }
  }
  return hash(key.length, (at) => key.charCodeAt(at));
}

function hash(length: number, byteAt: (at: number) => number): number {
  const multiplier = 0x5bd1e995;
  let h = 0x9747b28c ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let k = byteAt(at) | (byteAt(at + 1) << 8) | (byteAt(at + 2) << 16) | (byteAt(at + 3) << 24);
    k = Math.imul(k, multiplier);
    k ^= k >>> 24;
    h = Math.imul(h, multiplier) ^ Math.imul(k, multiplier);
  }
  const rest = length - at;
  if (rest >= 3) h ^= byteAt(at + 2) << 16;
  if (rest >= 2) h ^= byteAt(at + 1) << 8;
  if (rest >= 1) h = Math.imul(h ^ byteAt(at), multiplier);
  h ^= h >>> 13;
  h = Math.imul(h, multiplier);
  return h ^ (h >>> 15);
}

/** The partition of a key, as Kafka's default partitioner chooses it. */
export function partitionOfKey(key: string, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}
