// In: a seed and the address of a platform in virtual time. Out: what was sent and decided, and for every tactic its
// true lift beside the reported one. Order: the clock moves step by step; the events of a step go in by time, its
// decisions follow when they have settled, then the mails of the step are opened. Failure: any door that does not
// answer as agreed ends the run with its answer; an overloaded one is waited for.
import { monthMs, type AskAct, type CallAct } from '../domain/acts.js';
import type { ShopTerms } from '../domain/playbook-terms.js';
import type { TrueLift } from '../domain/lift-truth.js';
import type { ShopEvent } from '../domain/shop-events.js';
import { Shop } from '../domain/shop.js';
import type { Mail } from '../domain/answers.js';
import type { DecideAnswer, ReportedLift } from '../doors/answers-read.js';
import { callerOf } from '../doors/caller.js';
import { batchLimit, PlatformDoor, type PlatformAddress } from '../doors/platform-door.js';

export interface MonthOptions extends PlatformAddress {
  readonly seed: number;
  readonly terms: ShopTerms;
  /** Where the month begins; the platform's clock must not be beyond it. */
  readonly startMs: number;
  /** Default 5,000. */
  readonly people?: number;
  /** Default 800. */
  readonly products?: number;
  /** Default 30. */
  readonly days?: number;
  /** How far the clock moves at a time; decisions are asked at the end of a step. Default 1 h. */
  readonly stepMs?: number;
  readonly signal?: AbortSignal;
  readonly onStep?: (progress: {
    readonly atMs: number;
    readonly events: number;
    readonly decisions: number;
  }) => void;
}

export interface MonthReport {
  readonly seed: number;
  readonly events: number;
  readonly accepted: number;
  /** The first 20 refusals, and how many there were. */
  readonly rejected: {
    readonly count: number;
    readonly first: readonly { readonly code: string; readonly detail: string }[];
  };
  readonly decisions: number;
  readonly shown: number;
  readonly mails: number;
  readonly elapsedMs: number;
  readonly tactics: readonly TacticComparison[];
}

export interface TacticComparison {
  readonly truth: TrueLift;
  readonly reported: ReportedLift | undefined;
}

const dayMs = monthMs / 30;
/** How many decisions are asked side by side. */
const sideBySide = 12;

/** Lives a month of the shop on a platform in virtual time. */
export async function runMonth(options: MonthOptions): Promise<MonthReport> {
  const door = new PlatformDoor(options);
  try {
    return await new Month(options, door).live();
  } finally {
    await door.close();
  }
}

class Month {
  readonly #shop: Shop;
  readonly #rejected: { code: string; detail: string }[] = [];
  #events = 0;
  #accepted = 0;
  #refused = 0;
  #decisions = 0;
  #shown = 0;
  #mails = 0;
  #cursor: string | undefined;

  constructor(
    readonly options: MonthOptions,
    readonly door: PlatformDoor,
  ) {
    const { seed, people, products, startMs, terms } = options;
    this.#shop = new Shop({
      seed,
      ...(people === undefined ? {} : { people }),
      ...(products === undefined ? {} : { products }),
      startMs,
      run: `s${seed}`,
      tactics: terms.tactics,
      purposes: terms.purposes,
    });
  }

  async live(): Promise<MonthReport> {
    const { startMs, days = 30, stepMs = 3_600_000, signal } = this.options;
    const began = performance.now();
    const endMs = startMs + days * dayMs;
    await this.door.advanceTo(startMs, signal);
    await this.#send(this.#shop.history(), startMs);
    await this.door.advanceTo(startMs, signal);
    for (let nowMs = startMs; nowMs < endMs;) {
      signal?.throwIfAborted();
      nowMs = Math.min(endMs, nowMs + stepMs);
      await this.#step(nowMs);
      this.options.onStep?.({ atMs: nowMs, events: this.#events, decisions: this.#decisions });
    }
    // The last decisions are measured a moment after they are answered.
    await this.door.advanceTo(endMs, signal);
    const reported = new Map((await this.door.lifts(signal)).map((lift) => [lift.tactic, lift]));
    return {
      seed: this.options.seed,
      events: this.#events,
      accepted: this.#accepted,
      rejected: { count: this.#refused, first: this.#rejected },
      decisions: this.#decisions,
      shown: this.#shown,
      mails: this.#mails,
      elapsedMs: performance.now() - began,
      tactics: this.#shop.truth
        .lifts((tactic) => reported.get(tactic)?.treated)
        .map((truth) => ({ truth, reported: reported.get(truth.tactic) })),
    };
  }

  /** The clock first, so that what was due fires; then what people did since; then what they are to be shown. */
  async #step(nowMs: number): Promise<void> {
    const { signal } = this.options;
    await this.door.advanceTo(nowMs, signal);
    const acts = this.#shop.until(nowMs);
    const calls = acts.filter((act): act is CallAct => act.kind === 'call');
    if (calls.length > 0) {
      await this.#send(
        calls.map((act) => this.#shop.say(act, act.atMs)),
        nowMs,
      );
      await this.door.advanceTo(nowMs, signal);
    }
    await this.#ask(
      acts.filter((act): act is AskAct => act.kind === 'ask'),
      nowMs,
    );
    await this.#openMails();
  }

  async #send(events: readonly ShopEvent[], nowMs: number): Promise<void> {
    for (let at = 0; at < events.length; at += batchLimit) {
      const batch = events.slice(at, at + batchLimit);
      const verdict = await this.door.send(batch, nowMs, this.options.signal);
      this.#events += batch.length;
      this.#accepted += verdict.accepted;
      this.#refused += verdict.rejected.length;
      for (const { code, detail } of verdict.rejected)
        if (this.#rejected.length < 20) this.#rejected.push({ code, detail });
    }
  }

  /** One person's questions one after the other, people side by side; the shop hears the answers in the order of the pages. */
  async #ask(asks: readonly AskAct[], nowMs: number): Promise<void> {
    const byPerson = new Map<number, { ask: AskAct; placement: string; order: number }[]>();
    let order = 0;
    for (const ask of asks) {
      for (const placement of this.options.terms.placements[ask.page]) {
        const questions = byPerson.get(ask.caller.person.index) ?? [];
        byPerson.set(ask.caller.person.index, questions);
        questions.push({ ask, placement, order: order++ });
      }
    }
    const answers: { ask: AskAct; answer: DecideAnswer }[] = [];
    const queue = [...byPerson.values()];
    const worker = async (): Promise<void> => {
      for (let questions = queue.shift(); questions !== undefined; questions = queue.shift()) {
        for (const { ask, placement, order: at } of questions) {
          answers[at] = {
            ask,
            answer: await this.door.decide(callerOf(ask), placement, ask.context, this.options.signal),
          };
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(sideBySide, queue.length) }, worker));
    for (const { ask, answer } of answers) {
      this.#decisions++;
      if (answer.candidates.some(({ outcome }) => outcome === 'chosen')) this.#shown++;
      this.#shop.answered(ask, answer, nowMs);
    }
  }

  /** In an order that follows from the mails themselves: whoever delivers many at a time may file them in any. */
  async #openMails(): Promise<void> {
    const opened: Mail[] = [];
    for (;;) {
      const { mails, next } = await this.door.messages(this.#cursor, this.options.signal);
      opened.push(...mails);
      if (next === undefined || next === this.#cursor || mails.length === 0) break;
      this.#cursor = next;
    }
    const place = ({ atMs, to, tactic, id }: Mail): string => [atMs, to, tactic, id].join(' ');
    opened.sort((one, other) => (place(one) < place(other) ? -1 : 1));
    for (const mail of opened) this.#shop.mailed(mail);
    this.#mails += opened.length;
  }
}
