import { RapportError } from './errors.js';

const unitMs: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Reads a duration with its unit (`250ms`, `30s`, `5m`, `1h`, `7d`, `2w`) as milliseconds. Throws DURATION_INVALID. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(text);
  const unit = match?.[2] === undefined ? undefined : unitMs[match[2]];
  if (match?.[1] === undefined || unit === undefined) {
    throw new RapportError(
      'DURATION_INVALID',
      'invalid',
      `expected a duration with a unit (ms, s, m, h, d, w), for example 30s or 7d; got ${JSON.stringify(text)}`,
    );
  }
  return Math.round(Number(match[1]) * unit);
}
