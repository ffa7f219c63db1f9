import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { AcceptedBook } from './accepted-book.js';
import type { Findings } from './findings.js';
import type { FuzzedPlatform } from './fuzzed-platform.js';

const shown = 5;

/** Every accepted event is on somebody's timeline, or its refusal is in the rejected topic; and people can be asked for by the ids that they came with. */
export async function checkOutcome(
  platform: FuzzedPlatform,
  book: AcceptedBook,
  findings: Findings,
  when: string,
): Promise<void> {
  const headers = { authorization: `Bearer ${platform.apiToken}` };
  const kept = await exported(`${platform.httpUrl}/v1/export/events`, headers);
  const refused = new Set(await platform.ask({ ask: 'refused' }));
  const lost = [...book.all()].filter((id) => !kept.has(id) && !refused.has(id));
  if (lost.length > 0) {
    const text = `${lost.length} of ${book.size} accepted events are on no timeline and were not refused, for example ${lost.slice(0, shown).join(', ')}`;
    findings.add('lost', when, text);
  }
  const unknown: string[] = [];
  for (const { messageId, persons } of book.sampled()) {
    if (refused.has(messageId)) continue;
    const answers = [];
    for (const person of persons) {
      const url = `${platform.httpUrl}/v1/people/${encodeURIComponent(person)}/timeline?limit=1`;
      const response = await fetch(url, { headers });
      await response.arrayBuffer();
      answers.push(response.status);
      if (response.status === 200) break;
    }
    if (!answers.includes(200)) unknown.push(`${answers.join()} ${JSON.stringify(persons)} (${messageId})`);
  }
  if (unknown.length > 0) {
    const text = `${unknown.length} of ${book.sampled().length} accepted events: nobody is known by their ids, for example\n${unknown.slice(0, shown).join('\n')}`;
    findings.add('unreachable', when, text);
  }
}

async function exported(url: string, headers: Readonly<Record<string, string>>): Promise<Set<string>> {
  const response = await fetch(url, { headers });
  const ids = new Set<string>();
  if (response.body === null) return ids;
  for await (const line of createInterface({ input: Readable.fromWeb(response.body as never) })) {
    if (line === '') continue;
    const { messageId } = JSON.parse(line) as { messageId?: string };
    if (messageId !== undefined) ids.add(messageId);
  }
  return ids;
}
