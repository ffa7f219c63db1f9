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
  // What every SDK sends: 2026-11-22T10:00:00.000Z.
  if (text.length === 24 && text.charCodeAt(23) === 90 && text.charCodeAt(10) === 84) return Date.parse(text);
  const match = iso8601.exec(text);
  if (match === null) return NaN;
  if (text.length === 10) return Date.parse(`${text}T00:00:00Z`);
  const withT = `${text.slice(0, 10)}T${text.slice(11)}`;
  const zone = match[1];
  if (zone === undefined) return Date.parse(`${withT}Z`);
  if (zone.length === 5) return Date.parse(`${withT.slice(0, -2)}:${withT.slice(-2)}`);
  return Date.parse(withT.toUpperCase());
}

/** ISO 8601 UTC with milliseconds. */
export function formatInstant(instantMs: number): string {
  return new Date(instantMs).toISOString();
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
