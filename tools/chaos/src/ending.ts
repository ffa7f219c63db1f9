/** What has to end when the suite is cut off; the last that began ends first. */
const endings = new Set<() => Promise<void>>();

/** Remembers how to end something; answers the ending, which forgets it and may be called twice. */
export function ending(end: () => Promise<void>): () => Promise<void> {
  let ended: Promise<void> | undefined;
  const once = (): Promise<void> => {
    endings.delete(once);
    return (ended ??= end());
  };
  endings.add(once);
  return once;
}

/** Ends everything that still runs. */
export async function endAll(): Promise<void> {
  for (const end of [...endings].reverse()) await end().catch(() => undefined);
}
