const smallestBytes = 4 * 1024;
const largestBytes = 1024 * 1024;
/** What may lie idle; beyond, the collector takes it. */
const mostIdleBytes = 16 * 1024 * 1024;

/**
 * Memory for chunks, in powers of two, that is used again. Chunks stay for seconds: were each allocated anew, they would
 * be old when they go, and every 64 MB of them would make V8 mark the whole heap, which holds requests up for 0.1 s.
 */
export class ChunkMemory {
  readonly #idle = new Map<number, Buffer[]>();
  #idleBytes = 0;

  /** At least so many bytes, with anything in them. */
  take(bytes: number): Buffer {
    let size = smallestBytes;
    while (size < bytes) size *= 2;
    const piece = this.#idle.get(size)?.pop();
    if (piece === undefined) return Buffer.allocUnsafeSlow(size);
    this.#idleBytes -= size;
    return piece;
  }

  /** Takes a piece back, whole, that nobody reads or writes any more. */
  give(piece: Buffer): void {
    const size = piece.length;
    if (size > largestBytes || this.#idleBytes + size > mostIdleBytes) return;
    const idle = this.#idle.get(size);
    if (idle === undefined) this.#idle.set(size, [piece]);
    else idle.push(piece);
    this.#idleBytes += size;
  }
}
