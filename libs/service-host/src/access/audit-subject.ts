/** Fields of requests that name what a call is about. Free text, traits and events are not among them. */
const subjectFields = [
  ...['person', 'persons', 'from', 'to', 'segment', 'decisionId', 'id', 'ids', 'journey', 'purpose'],
  ...['name', 'model', 'modelName', 'version', 'token', 'roles', 'actions', 'advanceTo', 'at'],
] as const;

const longest = 600;
const mostListed = 50;

/** What a call is about, as it was asked for: the naming fields of path, query and body, or of an RPC's request. */
export function subjectOf(...parts: readonly unknown[]): Record<string, string> {
  const subject: Record<string, string> = {};
  for (const part of parts) {
    if (typeof part !== 'object' || part === null) continue;
    for (const field of subjectFields) {
      const text = textOf((part as Readonly<Record<string, unknown>>)[field]);
      if (text !== '') subject[field] = text.slice(0, longest);
    }
  }
  return subject;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return '';
  const texts = value.filter((each): each is string => typeof each === 'string');
  const rest = texts.length - mostListed;
  return [...texts.slice(0, mostListed), ...(rest > 0 ? [`and ${rest} more`] : [])].join(' ');
}
