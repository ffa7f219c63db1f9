/** The least that a request is counted as: its objects cost this much even when its body is tiny. */
const leastBytes = 1024;

/** How much may be on its way through the front door at once; asked before a body is read. */
export class Capacity {
  #bytes = 0;
  #requests = 0;

  constructor(
    readonly maxBytes: number,
    readonly maxRequests: number,
  ) {}

  /** Counts a request in, and answers its weight; 0 when there is no room for it. A request alone always has room. */
  admit(bytes: number): number {
    const weight = Math.max(bytes, leastBytes);
    if (this.#requests > 0 && (this.#requests >= this.maxRequests || this.#bytes + weight > this.maxBytes))
      return 0;
    this.#bytes += weight;
    this.#requests++;
    return weight;
  }

  /** Counts it out again, by the weight that `admit` gave. */
  release(weight: number): void {
    this.#bytes -= weight;
    this.#requests--;
  }

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }
}
