let lastMs = NaN;
let lastText = '';

/** An instant as the contracts write it. The same one is mostly asked for several times in a row. */
export function isoOf(instantMs: number): string {
  if (instantMs !== lastMs) {
    lastText = new Date(instantMs).toISOString();
    lastMs = instantMs;
  }
  return lastText;
}

/** Never: later than every instant. */
export const never = Number.POSITIVE_INFINITY;
