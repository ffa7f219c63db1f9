/** Far enough back for any history worth importing; earlier instants come from broken clocks (1970). */
export const earliestMs = Date.UTC(2000, 0, 1);
/** How far ahead of the server a clock may be; further ahead is no clock error. */
export const maxAheadMs = 24 * 3_600_000;

/**
 * ISO 8601: a date, or a date and a time with an optional fraction and an optional zone
 * (`2026-11-22`, `2026-11-22T10:00Z`, `2026-11-22T10:00:00.123+01:00`; a space in place of the T too).
 */
const iso8601 = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/i;

/** Reads ISO 8601 as milliseconds since the epoch; without a zone it counts as UTC. NaN when it is something else. */
export function parseInstant(text: string): number {
  if (text.length === 24 && text.charCodeAt(23) === upperZ) return parseUsual(text);
  const match = iso8601.exec(text);
  if (match === null) return NaN;
  if (text.length === 10) return Date.parse(`${text}T00:00:00Z`);
  const withT = `${text.slice(0, 10)}T${text.slice(11)}`;
  const zone = match[1];
  if (zone === undefined) return Date.parse(`${withT}Z`);
  if (zone.length === 5) return Date.parse(`${withT.slice(0, -2)}:${withT.slice(-2)}`);
  return Date.parse(withT.toUpperCase());
}

const upperZ = 90;
const dayMs = 86_400_000;
/** Separators of `2026-11-22T10:00:00.000Z` and where they stand. */
const separators = [4, 45, 7, 45, 10, 84, 13, 58, 16, 58, 19, 46] as const;
const daysBeforeMonth = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const daysOfMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** What every library sends, read digit by digit: several times as fast as Date.parse, and strict about the calendar. */
function parseUsual(text: string): number {
  for (let i = 0; i < separators.length; i += 2) {
    if (text.charCodeAt(separators[i] ?? 0) !== separators[i + 1]) return NaN;
  }
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  const hours = digits(text, 11, 13);
  const minutes = digits(text, 14, 16);
  const seconds = digits(text, 17, 19);
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const inMonth = month === 2 && !leap ? 28 : (daysOfMonth[month - 1] ?? 0);
  if (!(day >= 1 && day <= inMonth && hours < 24 && minutes < 60 && seconds < 60)) return NaN;
  const before = year - 1;
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  const days =
    before * 365 + leapDays + (daysBeforeMonth[month - 1] ?? 0) + (month > 2 && leap ? 1 : 0) + day - 1;
  return (
    (days - daysUntil1970) * dayMs +
    hours * 3_600_000 +
    minutes * 60_000 +
    seconds * 1000 +
    digits(text, 20, 23)
  );
}

/** From the first day of the year 1. */
const daysUntil1970 = 719_162;

function digits(text: string, from: number, to: number): number {
  let number = 0;
  for (let i = from; i < to; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return NaN;
    number = number * 10 + digit;
  }
  return number;
}

const twoDigits = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));
/** The minute that was written last: instants come close together, and the date is most of the work. */
const lastMinute = { startMs: NaN, text: '' };

/** ISO 8601 UTC with milliseconds. */
export function formatInstant(instantMs: number): string {
  const sinceMs = instantMs - lastMinute.startMs;
  if (!(sinceMs >= 0 && sinceMs < 60_000)) {
    const text = new Date(instantMs).toISOString();
    lastMinute.startMs = Math.floor(instantMs / 60_000) * 60_000;
    lastMinute.text = text.slice(0, -7);
    return text;
  }
  const ms = sinceMs % 1000;
  const fraction = ms < 10 ? `.00${ms}Z` : ms < 100 ? `.0${ms}Z` : `.${ms}Z`;
  return lastMinute.text + (twoDigits[(sinceMs - ms) / 1000] ?? '') + fraction;
}

/**
 * When it happened, by the server's clock: the client's two instants come from the same (perhaps wrong) clock, so
 * their difference holds: `receivedAt − (sentAt − original)`, as the Segment spec has it. Without `sentAt` (NaN)
 * the client's instant is taken as it is; without the client's instant (NaN) it happened when it was received.
 */
export function correctedInstant(originalMs: number, sentAtMs: number, receivedAtMs: number): number {
  if (Number.isNaN(originalMs)) return receivedAtMs;
  if (Number.isNaN(sentAtMs)) return originalMs;
  return receivedAtMs - (sentAtMs - originalMs);
}
