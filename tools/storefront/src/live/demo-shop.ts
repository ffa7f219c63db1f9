// In: a running platform and a rate. Out: events, questions and opened mails, for as long as the signal lets it.
// Order: one turn after the other, a person's events before the questions that follow them. Failure: a platform that
// does not answer is tried again every second; what a failed turn had to say is sent again with the same ids.
import { messageOf } from '@rapport/kernel';
import { monthMs, type Act, type AskAct, type CallAct } from '../domain/acts.js';
import type { ShopTerms } from '../domain/playbook-terms.js';
import { Shop } from '../domain/shop.js';
import type { ShopEvent } from '../domain/shop-events.js';
import { batchLimit, pause, PlatformDoor, type PlatformAddress } from '../doors/platform-door.js';
import { callerOf } from '../doors/caller.js';

export interface DemoShopOptions extends PlatformAddress {
  readonly terms: ShopTerms;
  /** Default 1. */
  readonly seed?: number;
  /** Default 5,000. */
  readonly people?: number;
  /** Events per second that the shop sends on average. Default 40. */
  readonly ratePerSecond?: number;
  readonly signal: AbortSignal;
  /** Something was decided for a visitor. */
  readonly onDecision?: (decision: ShownDecision) => void;
  /** The platform did not answer; it is tried again. */
  readonly onTrouble?: (message: string) => void;
}

/** A decision as a bystander would tell it. */
export interface ShownDecision {
  readonly who: string;
  readonly placement: string;
  readonly decisionId: string;
  readonly tactic: string | undefined;
  readonly variant: string | undefined;
  readonly heldOut: boolean;
}

const turnMs = 250;
const mailEveryTurns = 8;
const retryMs = 1_000;

/** Opens the shop in real time; a month of its people's lives passes in well under an hour. Resolves when the signal ends it. */
export async function startDemoShop(options: DemoShopOptions): Promise<void> {
  const door = new PlatformDoor(options);
  try {
    await new DemoShop(options, door).open();
  } finally {
    await door.close();
  }
}

class DemoShop {
  readonly #shop: Shop;
  readonly #startMs = Date.now();
  /** Months of shop life per month of real time. */
  readonly #speed: number;
  #cursor: string | undefined;

  constructor(
    readonly options: DemoShopOptions,
    readonly door: PlatformDoor,
  ) {
    const { seed = 1, people = 5_000, terms, ratePerSecond = 40 } = options;
    const made = { seed, people, tactics: terms.tactics, purposes: terms.purposes, startMs: this.#startMs };
    // Message ids of one opening must not meet those of the one before it.
    this.#shop = new Shop({ ...made, run: `d${seed}-${this.#startMs.toString(36)}` });
    const calls = new Shop({ ...made, run: 'count' })
      .until(this.#startMs + monthMs - 1)
      .filter(({ kind }) => kind === 'call').length;
    this.#speed = Math.max(1, (ratePerSecond * monthMs) / 1_000 / calls);
  }

  async open(): Promise<void> {
    const { signal } = this.options;
    await this.#untilDone(() => this.#tellHistory());
    await this.#untilDone(() => this.#skipOldMails());
    for (let turn = 1; !signal.aborted; turn++) {
      const began = Date.now();
      const acts = this.#shop.until(this.#simulatedNow());
      await this.#play(acts);
      if (turn % mailEveryTurns === 0) await this.#untilDone(() => this.#openMails());
      await pause(Math.max(0, turnMs - (Date.now() - began)), signal);
    }
  }

  #simulatedNow(): number {
    return this.#startMs + (Date.now() - this.#startMs) * this.#speed;
  }

  /** A shop that was open before has told it already. */
  async #tellHistory(): Promise<void> {
    const { signal } = this.options;
    const history = this.#shop.history(this.#speed);
    // Told one person after the other: who comes last is known only when everyone before is.
    const last = history.at(-1)?.userId;
    if (last === undefined || (await this.door.read(`/v1/people/user_id:${last}`, signal)) !== undefined)
      return;
    await this.#send(history);
  }

  async #play(acts: readonly Act[]): Promise<void> {
    const calls = acts.filter((act): act is CallAct => act.kind === 'call');
    const now = Date.now();
    // What happened in one turn keeps its order by the millisecond.
    const events = calls.map((act, at) => this.#shop.say(act, now - calls.length + 1 + at));
    await this.#untilDone(() => this.#send(events));
    for (const ask of acts) if (ask.kind === 'ask') await this.#untilDone(() => this.#ask(ask));
  }

  async #send(events: readonly ShopEvent[]): Promise<void> {
    for (let at = 0; at < events.length; at += batchLimit) {
      const verdict = await this.door.send(
        events.slice(at, at + batchLimit),
        Date.now(),
        this.options.signal,
      );
      const refused = verdict.rejected[0];
      if (refused !== undefined) {
        this.options.onTrouble?.(
          `${verdict.rejected.length} event(s) refused, the first: ${refused.code} ${refused.detail}`,
        );
      }
    }
  }

  async #ask(ask: AskAct): Promise<void> {
    const { person } = ask.caller;
    for (const placement of this.options.terms.placements[ask.page]) {
      const answer = await this.door.decide(callerOf(ask), placement, ask.context, this.options.signal);
      this.#shop.answered(ask, answer, this.#simulatedNow());
      this.options.onDecision?.({
        who: `${person.firstName} in ${person.city}`,
        placement,
        decisionId: answer.decisionId,
        tactic: answer.chosen?.tactic,
        variant: answer.chosen?.variant,
        heldOut: answer.candidates.some(({ outcome }) => outcome === 'holdout'),
      });
    }
  }

  async #openMails(): Promise<void> {
    for (;;) {
      const { mails, next } = await this.door.messages(this.#cursor, this.options.signal);
      for (const mail of mails) this.#shop.mailed({ ...mail, atMs: this.#simulatedNow() });
      if (next === undefined || next === this.#cursor) return;
      this.#cursor = next;
    }
  }

  /** What came in before this opening was opened then. */
  async #skipOldMails(): Promise<void> {
    for (;;) {
      const { next } = await this.door.messages(this.#cursor, this.options.signal);
      if (next === undefined || next === this.#cursor) return;
      this.#cursor = next;
    }
  }

  /** Tries until it succeeds or the shop closes. */
  async #untilDone(work: () => Promise<void>): Promise<void> {
    while (!this.options.signal.aborted) {
      try {
        await work();
        return;
      } catch (thrown) {
        if (this.options.signal.aborted) return;
        this.options.onTrouble?.(messageOf(thrown));
        await pause(retryMs, this.options.signal);
      }
    }
  }
}
