/** An item with its value in a list. */
export type Ranked = readonly [item: string, value: number];

/** Keeps the largest of what is offered, ties by name. */
export class TopList {
  #entries: Ranked[] = [];
  #floor = -Infinity;

  constructor(readonly size: number) {}

  offer(item: string, value: number): void {
    if (value < this.#floor) return;
    this.#entries.push([item, value]);
    if (this.#entries.length >= 2 * this.size) this.#trim();
  }

  /** Largest first. */
  list(): readonly Ranked[] {
    this.#trim();
    return this.#entries;
  }

  #trim(): void {
    this.#entries.sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    if (this.#entries.length > this.size) {
      this.#entries = this.#entries.slice(0, this.size);
      this.#floor = this.#entries.at(-1)?.[1] ?? -Infinity;
    }
  }
}
