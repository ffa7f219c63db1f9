/** An instant as the contracts write it. */
export const isoOf = (instantMs: number): string => new Date(instantMs).toISOString();

/** Never: later than every instant. */
export const never = Number.POSITIVE_INFINITY;
