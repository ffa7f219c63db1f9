import type { DecisionRecord, Delivery, RequestedMessage } from '@rapport/contracts';
import type { Load } from './load.js';
import type { Expected, ExpectedPerson } from './oracle.js';
import type { Outcome, ShownPerson } from './outcome.js';

/** Everything in which what a platform shows differs from what must be; empty when nothing does. */
export function differences(expected: Expected, outcome: Outcome): string[] {
  const found: string[] = [];
  if (outcome.people !== expected.people.length)
    found.push(`people: expected ${expected.people.length}, the digest counts ${outcome.people}`);
  for (const [index, person] of expected.people.entries())
    found.push(...personDiffers(person, outcome.shown[index]));
  found.push(...timelinesDiffer(expected, outcome));
  return found;
}

function personDiffers(expected: ExpectedPerson, shown: ShownPerson | undefined): string[] {
  const name = expected.identifiers[0] ?? '';
  if (shown?.identifiers === undefined) return [`${name}: not found`];
  const actual = {
    identifiers: shown.identifiers.map(({ type, value }) => `${type}:${value}`).sort(),
    segments: shown.segments.map(({ name: segment }) => segment).sort(),
    consent: Object.fromEntries(
      Object.entries(shown.consent).map(([purpose, { granted }]) => [purpose, granted]),
    ),
    traits: Object.fromEntries(Object.entries(shown.traits).map(([trait, { value }]) => [trait, value])),
    computedTraits: shown.computedTraits,
  };
  const found: string[] = [];
  for (const part of ['identifiers', 'segments', 'consent'] as const) {
    if (!same(actual[part], expected[part]))
      found.push(
        `${name}: ${part}: expected ${JSON.stringify(expected[part])}, got ${JSON.stringify(actual[part])}`,
      );
  }
  for (const part of ['traits', 'computedTraits'] as const) {
    const names = new Set([...Object.keys(expected[part]), ...Object.keys(actual[part])]);
    for (const each of names) {
      if (same(actual[part][each] ?? null, expected[part][each] ?? null)) continue;
      found.push(
        `${name}: ${each}: expected ${JSON.stringify(expected[part][each])}, got ${JSON.stringify(actual[part][each])}`,
      );
    }
  }
  return found;
}

/** Equal values; numbers that are not whole up to the last digits. */
function same(one: unknown, other: unknown): boolean {
  if (typeof one === 'number' && typeof other === 'number')
    return Math.abs(one - other) <= 1e-9 * Math.max(1, Math.abs(one));
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

const sorted = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
    : value;

/** Each acknowledged event stands in the timeline of its person, once, and nowhere else. */
function timelinesDiffer(expected: Expected, { timelines }: Outcome): string[] {
  const found: string[] = [];
  const personOf = new Map<string, string>();
  for (const { identifiers, messageIds } of expected.people) {
    for (const id of messageIds) personOf.set(id, identifiers.join());
  }
  const seen = new Set<string>();
  for (const { identifiers, messageIds } of timelines) {
    const person = [...identifiers].sort().join();
    for (const id of messageIds) {
      const wanted = personOf.get(id);
      if (wanted === undefined)
        found.push(`event ${id}: was never acknowledged, and stands in the timeline of ${person}`);
      else if (wanted !== person) found.push(`event ${id}: expected with ${wanted}, stands with ${person}`);
      if (seen.has(id)) found.push(`event ${id}: stands in timelines twice`);
      seen.add(id);
    }
  }
  for (const [id, person] of personOf)
    if (!seen.has(id)) found.push(`event ${id} of ${person}: in no timeline`);
  return found;
}

/** Every message once in effect, none too many on a day, and each one delivered; nothing else was. */
export function messagesDiffer(
  load: Load,
  expected: Expected,
  requested: readonly RequestedMessage[],
  deliveries: readonly Delivery[],
): string[] {
  const found: string[] = [];
  // A record that comes again is the same message: its id follows from the journey and the step.
  const messages = new Map(requested.map((message) => [message.messageId, message]));
  const counted = new Map<object, number>();
  for (const { messageId, to, requestedAt, decisionId } of messages.values()) {
    const phase = load.phases.findLastIndex(({ nowMs }) => nowMs <= Date.parse(requestedAt));
    const mail = expected.mails.find((one) => one.phase === phase && one.identifiers.has(`email:${to}`));
    if (mail === undefined)
      found.push(
        `message ${messageId} (decision ${decisionId}) to ${to} on day ${phase}: nobody was to get one`,
      );
    else counted.set(mail, (counted.get(mail) ?? 0) + 1);
  }
  for (const mail of expected.mails) {
    const count = counted.get(mail) ?? 0;
    if (count !== mail.count)
      found.push(
        `${[...mail.identifiers].join()}: expected ${mail.count} message(s) on day ${mail.phase}, got ${count}`,
      );
  }
  const recorded = new Map<string, Set<string>>();
  for (const { messageId, outcome } of deliveries)
    recorded.set(messageId, (recorded.get(messageId) ?? new Set()).add(outcome));
  for (const messageId of messages.keys()) {
    const outcomes = [...(recorded.get(messageId) ?? [])].join();
    // Cancelled: a kill put its first try off, and the person had said no by then.
    if (outcomes !== 'sent' && outcomes !== 'cancelled')
      found.push(`message ${messageId}: expected to be recorded as sent, got ${outcomes || 'nothing'}`);
  }
  // The same record twice is no fault: what a crash left unrecorded is recorded again (deliver-messages.pipeline.ts).
  for (const [messageId, outcomes] of recorded) {
    if (!messages.has(messageId))
      found.push(`message ${messageId}: recorded as ${[...outcomes].join()}, and nobody requested it`);
  }
  return found;
}

/** What was decided about the people whom some lines speak of, for whoever looks into them. */
export function decisionsAbout(
  lines: readonly string[],
  expected: Expected,
  decisions: readonly DecisionRecord[],
): string[] {
  const text = lines.join();
  const concerned = expected.people.filter(({ identifiers }) =>
    identifiers.some((id) => text.includes(id.replace(/^\w+:/, ''))),
  );
  const ids = new Set(concerned.flatMap(({ identifiers }) => identifiers));
  return decisions
    .filter(({ person }) => ids.has(person))
    .map(({ decisionId, person, at, journey, candidates }) => {
      const outcomes = candidates.map(({ tactic, outcome, reason }) => `${tactic} ${outcome} (${reason})`);
      return `decision ${decisionId} about ${person} at ${at} on ${journey ?? 'a page'}: ${outcomes.join(', ')}`;
    });
}
