/** Something that must not be. */
export interface Finding {
  /** What kind: the first of each kind and place is told whole, the others are counted. */
  readonly kind:
    | 'died'
    | 'server fault'
    | 'no verdict'
    | 'no answer'
    | 'standstill'
    | 'lag'
    | 'not ready'
    | 'lost'
    | 'unreachable'
    | 'error logged'
    | 'memory';
  /** Where: the door, the route or the method, the code. */
  readonly place: string;
  /** What came, with the seed and the smallest input that shows it. */
  readonly text: string;
}

/** All findings of a run; bounded however many there are. */
export class Findings {
  readonly #first = new Map<string, { finding: Finding; count: number }>();

  constructor(private readonly say: (line: string) => void) {}

  /** Whether this kind at this place was seen before: a cheap answer for what would shrink it. */
  has(kind: Finding['kind'], place: string): boolean {
    return this.#first.has(`${kind} ${place}`);
  }

  add(kind: Finding['kind'], place: string, text: string): void {
    const key = `${kind} ${place}`;
    const known = this.#first.get(key);
    if (known !== undefined) {
      known.count++;
      return;
    }
    const finding = { kind, place: abridged(place), text: abridged(text).slice(0, 4_000) };
    this.#first.set(key, { finding, count: 1 });
    this.say(`FOUND ${kind}: ${place}\n  ${finding.text.replaceAll('\n', '\n  ')}`);
  }

  /** Once more what `has` knows, without its text. */
  count(kind: Finding['kind'], place: string): void {
    const known = this.#first.get(`${kind} ${place}`);
    if (known !== undefined) known.count++;
  }

  all(): readonly (Finding & { readonly count: number })[] {
    return [...this.#first.values()].map(({ finding, count }) => ({ ...finding, count }));
  }
}

/** One character many times over is written as `a×511`. */
const abridged = (text: string): string =>
  text.replace(/(.{1,2}?)\1{19,}/gsu, (run: string, unit: string) => `${unit}×${run.length / unit.length}`);
