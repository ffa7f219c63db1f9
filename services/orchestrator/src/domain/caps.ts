import { localDay } from './local-day.js';
import type { Cap } from './tactics.js';

/** One use of a person's attention that caps count. */
export interface Reservation {
  /** The decision that holds it. */
  readonly id: string;
  readonly tactic: string;
  readonly channel: string;
  readonly atMs: number;
  /** Key of the mailbox where the same use is counted. */
  readonly mailbox?: string;
  /** Until it was seen in the ledger, the decision may still come to nothing: after this instant the ledger is asked. */
  readonly openUntilMs?: number;
}

/** What may be reserved: a tactic with the caps that it falls under. */
export interface Contender {
  readonly name: string;
  readonly channel: string;
  /** `email`: its caps hold per mailbox too. */
  readonly channelKind?: string;
  readonly caps: readonly Cap[];
}

/** Whether a contender's caps hold per mailbox too. */
export const isMailed = ({ channelKind, caps }: Contender): boolean =>
  channelKind === 'email' && caps.length > 0;

/** Who got the place, if anyone; and for each contender before it, which cap was full. */
export interface ReserveAnswer {
  /** Position among the contenders; -1 when every one is capped. */
  readonly granted: number;
  readonly refusals: readonly string[];
}

const countsFor = (cap: Cap, reservation: Reservation): boolean =>
  (cap.scope === 'tactic' ? reservation.tactic : reservation.channel) === cap.name;

/**
 * The most reservations that any window of this length containing the instant would hold. Windows are half open,
 * (end - length, end]. Reservations may lie after the instant too: a late timer decides about the past.
 */
function fullestWindow(times: readonly number[], atMs: number, windowMs: number): number {
  const near = times.filter((time) => time > atMs - windowMs && time < atMs + windowMs);
  const ends = [atMs, ...near.filter((time) => time > atMs)];
  return ends.reduce(
    (most, end) => Math.max(most, near.filter((time) => time > end - windowMs && time <= end).length),
    0,
  );
}

/** Says why a cap leaves no room at an instant; undefined when it does. */
export function refusalOf(
  cap: Cap,
  reservations: readonly Reservation[],
  atMs: number,
  timezone: string,
): string | undefined {
  const counted = reservations.filter((one) => countsFor(cap, one)).map(({ atMs: time }) => time);
  if (counted.length < cap.max) return undefined;
  let used: number;
  if (cap.windowMs === undefined) {
    const day = localDay(atMs, timezone);
    used = counted.filter((time) => localDay(time, timezone) === day).length;
  } else used = fullestWindow(counted, atMs, cap.windowMs);
  if (used < cap.max) return undefined;
  return `${cap.scope} ${cap.name}: ${used} of ${cap.max} per ${cap.per} used`;
}

/** Gives the place to the first contender whose caps all have room. A decision that holds one already keeps it, unless it asks anew. */
export function reserve(
  reservations: readonly Reservation[],
  request: {
    readonly id: string;
    readonly atMs: number;
    readonly timezone: string;
    readonly contenders: readonly Contender[];
    readonly openUntilMs: number;
    readonly mailbox?: string;
    readonly anew?: boolean;
  },
): { readonly answer: ReserveAnswer; readonly reservations: readonly Reservation[] } {
  const { id, atMs, timezone, contenders, openUntilMs, mailbox } = request;
  const held = reservations.find((one) => one.id === id);
  const again = request.anew === true ? -1 : contenders.findIndex(({ name }) => name === held?.tactic);
  if (again >= 0) {
    const refusals = contenders.slice(0, again).map(() => 'was full when this decision was made first');
    return { answer: { granted: again, refusals }, reservations };
  }
  const others = held === undefined ? reservations : reservations.filter((one) => one.id !== id);
  const refusals: string[] = [];
  for (const [index, contender] of contenders.entries()) {
    const { name: tactic, channel, caps } = contender;
    const refusal = firstRefusal(caps, others, atMs, timezone);
    if (refusal === undefined) {
      const at = mailbox !== undefined && isMailed(contender) ? { mailbox } : {};
      // What no cap counts need not be kept.
      const kept =
        caps.length === 0 ? others : [...others, { id, tactic, channel, atMs, openUntilMs, ...at }];
      return { answer: { granted: index, refusals }, reservations: kept };
    }
    refusals.push(refusal);
  }
  return { answer: { granted: -1, refusals }, reservations: others };
}

function firstRefusal(
  caps: readonly Cap[],
  reservations: readonly Reservation[],
  atMs: number,
  timezone: string,
): string | undefined {
  for (const cap of caps) {
    const refusal = refusalOf(cap, reservations, atMs, timezone);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** Drops what no cap can count any more, so that a person's document stays small. */
export function prune(
  reservations: readonly Reservation[],
  asOfMs: number,
  longestWindowMs: number,
): readonly Reservation[] {
  const oldest = asOfMs - longestWindowMs;
  return reservations.some(({ atMs }) => atMs <= oldest)
    ? reservations.filter(({ atMs }) => atMs > oldest)
    : reservations;
}

/** The longest time that any cap looks back; a calendar day lasts up to 25 hours, and zones may change. */
export function longestWindowMs(caps: Iterable<Cap>): number {
  let longest = 0;
  for (const { windowMs } of caps) longest = Math.max(longest, windowMs ?? 2 * 86_400_000);
  return longest;
}
