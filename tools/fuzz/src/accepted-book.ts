/** What was accepted, so that it can be looked for in the end. */
export class AcceptedBook {
  readonly #messageIds = new Set<string>();
  /** Of some, the names under which their person can be asked for. */
  readonly #samples: { messageId: string; persons: readonly string[] }[] = [];
  #seen = 0;

  constructor(
    /** In [0, 1). */
    private readonly random: () => number,
    private readonly samples = 400,
  ) {}

  add(messageId: string, persons: readonly string[]): void {
    this.#messageIds.add(messageId);
    if (persons.length === 0) return;
    // Every one of the run is equally likely to be among the samples (reservoir sampling, algorithm R).
    const at = this.#seen < this.samples ? this.#seen : Math.floor(this.random() * (this.#seen + 1));
    this.#seen++;
    if (at < this.samples) this.#samples[at] = { messageId, persons };
  }

  get size(): number {
    return this.#messageIds.size;
  }

  all(): ReadonlySet<string> {
    return this.#messageIds;
  }

  sampled(): readonly { readonly messageId: string; readonly persons: readonly string[] }[] {
    return this.#samples;
  }
}
