const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timezone: string): Intl.DateTimeFormat {
  const known = formats.get(timezone);
  if (known) return known;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-CA', {
      timeZone: timezone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
  } catch {
    // A client may send any text as its zone; one that does not exist counts as UTC.
    return formatOf('UTC');
  }
  // There are about 600 zones; the bound is for texts that only look like one.
  if (formats.size > 1000) formats.clear();
  formats.set(timezone, format);
  return format;
}

/** The calendar day (`2026-11-22`) on which an instant falls in a time zone. */
export function localDay(instantMs: number, timezone: string): string {
  return formatOf(timezone).format(instantMs);
}
