/**
 * Kafka's murmur2 (org.apache.kafka.common.utils.Utils.murmur2) over the UTF-8 bytes of a key, as a signed 32-bit
 * number. Keys of plain ASCII are hashed without being encoded.
 */
export function murmur2(key: string): number {
  for (let i = 0; i < key.length; i++) {
    if (key.charCodeAt(i) > 0x7f) return hashOf(Buffer.from(key, 'utf8').toString('latin1'));
  }
  return hashOf(key);
}

/** Of a text whose characters are bytes. */
function hashOf(bytes: string): number {
  const multiplier = 0x5bd1e995;
  const { length } = bytes;
  let h = 0x9747b28c ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let k =
      bytes.charCodeAt(at) |
      (bytes.charCodeAt(at + 1) << 8) |
      (bytes.charCodeAt(at + 2) << 16) |
      (bytes.charCodeAt(at + 3) << 24);
    k = Math.imul(k, multiplier);
    k ^= k >>> 24;
    h = Math.imul(h, multiplier) ^ Math.imul(k, multiplier);
  }
  const rest = length - at;
  if (rest >= 3) h ^= bytes.charCodeAt(at + 2) << 16;
  if (rest >= 2) h ^= bytes.charCodeAt(at + 1) << 8;
  if (rest >= 1) h = Math.imul(h ^ bytes.charCodeAt(at), multiplier);
  h ^= h >>> 13;
  h = Math.imul(h, multiplier);
  return h ^ (h >>> 15);
}

/** The partition of a key, as Kafka's default partitioner chooses it. */
export function partitionOfKey(key: string, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}
