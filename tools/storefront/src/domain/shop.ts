import { inOrder, monthMs, type Act, type AskAct, type CallAct } from './acts.js';
import { enrollingOutcomes, type Answer, type Mail, type ShownTactic } from './answers.js';
import { stockCatalogue, type Catalogue } from './catalogue.js';
import { drawsFor } from './draws.js';
import { recallHistory } from './history.js';
import { LiftTruth } from './lift-truth.js';
import { bearPerson, type Person } from './people.js';
import { reactionTo, worth, type Reaction } from './responses.js';
import { callOf, sayTrack, type Caller, type Said, type ShopEvent } from './shop-events.js';
import { planMonth } from './visits.js';

/** What a shop is made from. */
export interface ShopOptions {
  readonly seed: number;
  /** Default 5,000. */
  readonly people?: number;
  /** Default 800. */
  readonly products?: number;
  /** Where the first month begins. */
  readonly startMs: number;
  /** Goes into every message id of this run (but not into those of the history), so that two runs never collide. */
  readonly run: string;
  readonly tactics: readonly ShownTactic[];
  /** Consent purposes that a yes to marketing grants. Default `marketing`. */
  readonly purposes?: readonly string[];
}

/** Share of mails after which people want no more. */
const unsubscribeShare = 0.005;

/** An effect that is on its way: its worth is counted when its time comes, and it is said if it happens. */
interface Pending {
  readonly atMs: number;
  readonly caller: Caller;
  readonly key: string;
  readonly counts: readonly { readonly tactic: string; readonly expected: number }[];
  readonly calls: readonly CallAct[];
}

/**
 * The shop as a pure model: acts come out in order of time, answers and mails go in. The same seed and the same
 * answers give the same acts, byte for byte.
 */
export class Shop {
  readonly catalogue: Catalogue;
  readonly people: readonly Person[];
  readonly truth: LiftTruth;
  readonly #options: ShopOptions;
  readonly #tactics: ReadonlyMap<string, ShownTactic>;
  readonly #goalEvents: ReadonlySet<string>;
  readonly #byEmail: ReadonlyMap<string, Person>;
  readonly #exposures = new Map<string, number>();
  readonly #revoked = new Set<number>();
  /** Devices that somebody has logged in on or left an address on, by person; the first one first. */
  readonly #linked = new Map<number, readonly string[]>();
  #planned: Act[] = [];
  #next = 0;
  #months = 0;
  #pending: Pending[] = [];

  constructor(options: ShopOptions) {
    this.#options = options;
    this.catalogue = stockCatalogue(options.seed, options.products ?? 800);
    this.people = Array.from({ length: options.people ?? 5_000 }, (_, index) =>
      bearPerson(options.seed, index, this.catalogue),
    );
    this.truth = new LiftTruth(options.tactics);
    this.#tactics = new Map(options.tactics.map((tactic) => [tactic.name, tactic]));
    this.#goalEvents = new Set(options.tactics.map((tactic) => tactic.goal.event));
    this.#byEmail = new Map(this.people.map((person) => [person.email, person]));
  }

  /**
   * What the shop knew before it began, one person after the other and the newest first: while older orders are still
   * on their way, nobody is taken for gone. `speed` as in `recallHistory`.
   */
  history(speed = 1): ShopEvent[] {
    const { seed, startMs } = this.#options;
    const acts = this.people.flatMap((person) =>
      recallHistory(seed, person, this.catalogue, startMs, speed).reverse(),
    );
    for (const { caller } of acts) this.#link(caller);
    return acts.map((act) => this.say(act, act.atMs));
  }

  /** Everything that happens from where it stood up to and including an instant, in order of time. */
  until(toMs: number): Act[] {
    while (toMs >= this.#options.startMs + this.#months * monthMs) this.#planMonth();
    const planned: Act[] = [];
    for (
      let act = this.#planned[this.#next];
      act !== undefined && act.atMs <= toMs;
      act = this.#planned[++this.#next]
    )
      planned.push(act);
    const acts = inOrder([...planned, ...this.#dueReactions(toMs)]);
    for (const act of acts) if (act.kind === 'call') this.#link(act.caller);
    return acts;
  }

  #dueReactions(toMs: number): Act[] {
    const due = this.#pending.filter((pending) => pending.atMs <= toMs);
    if (due.length === 0) return [];
    this.#pending = this.#pending.filter((pending) => pending.atMs > toMs);
    due.sort((a, b) => a.atMs - b.atMs || (a.key < b.key ? -1 : 1));
    for (const { atMs, caller, counts } of due) {
      for (const { tactic, expected } of counts)
        this.truth.count(tactic, this.#visitor(caller), atMs, expected);
    }
    return due.flatMap(({ calls }) => calls);
  }

  /** A device on which somebody has said who they are is that person's from then on. */
  #link({ person, device, loggedIn }: Caller): void {
    const known = this.#linked.get(person.index) ?? [];
    if (!loggedIn || known.includes(device)) return;
    this.#linked.set(person.index, [...known, device]);
    this.truth.join(`${person.index}/${device}`, `${person.index}`);
  }

  /** Whom the platform can take a caller for. */
  #visitor({ person, device }: Caller): string {
    return this.#linked.get(person.index)?.includes(device) === true
      ? `${person.index}`
      : `${person.index}/${device}`;
  }

  /** As whom a person acts on a mail: on a device that is known to be theirs. */
  #reader(person: Person): Caller {
    return { person, device: this.#linked.get(person.index)?.[0] ?? person.devices[0] ?? '', loggedIn: true };
  }

  /** The call that an act makes, stamped with an instant of the caller's choice (by rights the act's own). */
  say(act: CallAct, atMs: number): ShopEvent {
    const { person } = act.caller;
    const granted = act.marketing && !this.#revoked.has(person.index);
    const consent: Record<string, boolean> = { analytics: true };
    for (const purpose of this.#options.purposes ?? ['marketing']) consent[purpose] = granted;
    return callOf(act.caller, act.said, act.messageId, atMs, consent);
  }

  /** Tells a person what a page showed them, at the instant the platform decided. */
  answered(ask: AskAct, answer: Answer, nowMs: number): void {
    const visitor = this.#visitor(ask.caller);
    for (const candidate of answer.candidates) {
      if (enrollingOutcomes.has(candidate.outcome))
        this.truth.enrol(candidate.tactic, visitor, nowMs, candidate.outcome === 'holdout');
    }
    const shown = answer.chosen === null ? undefined : this.#tactics.get(answer.chosen.tactic);
    if (shown === undefined) return;
    const outranked = answer.candidates.filter((candidate) => candidate.outcome === 'outranked');
    outranked.sort((a, b) => (b.score ?? 0) - (a.score ?? 0));
    this.#expose(shown, ask.caller, nowMs, this.#tactics.get(outranked[0]?.tactic ?? ''));
  }

  /** Puts a mail into a person's hands. Mails to strangers are ignored. */
  mailed(mail: Mail): void {
    const person = this.#byEmail.get(mail.to.toLowerCase());
    const tactic = this.#tactics.get(mail.tactic);
    if (person === undefined || tactic === undefined) return;
    const reader = this.#reader(person);
    this.truth.enrol(tactic.name, this.#visitor(reader), mail.atMs, false);
    this.#expose(tactic, reader, mail.atMs);
    if (drawsFor(this.#options.seed, 'unsubscribe', person.index, mail.id).chance(unsubscribeShare))
      this.#unsubscribe(person, mail);
  }

  /** Says so by the link in the mail; every page that they open afterwards knows it. */
  #unsubscribe(person: Person, mail: Mail): void {
    if (this.#revoked.has(person.index)) return;
    this.#revoked.add(person.index);
    const { run, purposes } = this.#options;
    const key = `${run}-${person.index}-unsubscribed`;
    const call: CallAct = {
      kind: 'call',
      atMs: mail.atMs + 10 * 60_000,
      caller: this.#reader(person),
      said: sayTrack('Unsubscribed', {
        purposes: [...(purposes ?? ['marketing'])],
        campaign_name: mail.tactic,
      }),
      messageId: key,
      marketing: false,
    };
    this.#pending.push({ atMs: call.atMs, caller: call.caller, key, counts: [], calls: [call] });
  }

  #expose(tactic: ShownTactic, caller: Caller, nowMs: number, displaced?: ShownTactic): void {
    const { seed, run } = this.#options;
    const { person } = caller;
    const reaction = this.#react(tactic, person);
    const counts = [{ tactic: tactic.name, expected: reaction.probability * reaction.value }];
    if (displaced !== undefined) {
      // What the next in line would have set off is lost by showing this one instead.
      const other = reactionTo(
        seed,
        person,
        displaced,
        this.#exposures.get(`${person.index}|${displaced.name}`) ?? 0,
        this.catalogue,
      );
      counts.push({ tactic: tactic.name, expected: -other.probability * worth(tactic.goal, other.said) });
    }
    const atMs = nowMs + reaction.delayMs;
    const key = `${run}-${person.index}-${tactic.name}-${this.#exposures.get(`${person.index}|${tactic.name}`) ?? 0}`;
    this.#pending.push({
      atMs,
      caller,
      key,
      counts,
      calls: reaction.happens ? this.#callsOf(tactic, caller, atMs, key, reaction.said) : [],
    });
  }

  #react(tactic: ShownTactic, person: Person): Reaction {
    const key = `${person.index}|${tactic.name}`;
    const exposure = this.#exposures.get(key) ?? 0;
    this.#exposures.set(key, exposure + 1);
    return reactionTo(this.#options.seed, person, tactic, exposure, this.catalogue);
  }

  /** The click that leads there, unless clicks are somebody's goal, and the goal itself. */
  #callsOf(tactic: ShownTactic, caller: Caller, atMs: number, key: string, said: Said): CallAct[] {
    const click = tactic.onSite
      ? sayTrack('Promotion Clicked', { promotion_id: tactic.name, name: tactic.name })
      : sayTrack('Email Link Clicked', {
          email_id: key,
          campaign_name: tactic.name,
          link_url: 'https://shop.example/',
        });
    const marketing = caller.person.marketing !== 'never';
    const act = (what: Said, id: string): CallAct => ({
      kind: 'call',
      atMs,
      caller,
      said: what,
      messageId: id,
      marketing,
    });
    return [
      ...(this.#goalEvents.has(click.event ?? '') ? [] : [act(click, `${key}-click`)]),
      act(said, `${key}-goal`),
    ];
  }

  #planMonth(): void {
    const { seed, run, startMs } = this.#options;
    const month = this.#months++;
    const left = this.#planned.slice(this.#next);
    const fresh = this.people.flatMap((person) =>
      planMonth(seed, run, person, this.catalogue, month, startMs + month * monthMs),
    );
    this.#planned = inOrder([...left, ...fresh]);
    this.#next = 0;
  }
}
