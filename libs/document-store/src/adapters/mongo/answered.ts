/** Longer than the driver takes with all its own times and repetitions. */
const withinMs = 60_000;

/**
 * What the driver answers, or a rejection after a time in which it must have. Where a connection breaks between the
 * driver's check of it and its write, mongodb 7.9 waits for a `drain` of the closed socket that never comes, and none
 * of its own timeouts sees that. Who calls takes it for an answer that is missing.
 */
export async function answered<T>(work: Promise<T>, ms = withinMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the driver did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
