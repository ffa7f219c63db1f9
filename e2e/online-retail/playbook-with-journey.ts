import { appendFile, cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from '@rapport/testing';

/**
 * The sample playbook, and a journey that an import of old data starts: everybody with an order of 2,000 or more gets
 * one message by webhook. Who that is does not depend on the order in which events arrive.
 */
export async function writePlaybookWithJourney(dir: string, webhookUrl: string): Promise<void> {
  await cp(join(repositoryRoot, 'playbook'), dir, { recursive: true });
  await appendFile(
    join(dir, 'segments.yaml'),
    `
- name: large_order
  title: Had an order of 2,000 or more
  when:
    did: { event: Order Completed, where: [{ path: revenue, op: gte, value: 2000 }] }
`,
  );
  await appendFile(
    join(dir, 'tactics.yaml'),
    `
- name: large_order_thanks
  title: Thanks for a large order
  segment: large_order
  channel: webhook
  holdout: 0
  variants: [{ name: one, content: { person: "{{ profile.profileId }}" } }]
  goal: { event: Order Completed, metric: count, within: 30d, target: 0.1 }
`,
  );
  await appendFile(
    join(dir, 'journeys.yaml'),
    `
- name: large_order
  title: Thanks for a large order
  version: 1
  start: { segment: large_order }
  steps: [{ name: thanks, send: large_order_thanks }]
`,
  );
  const channels = join(dir, 'channels.yaml');
  await writeFile(channels, (await readFile(channels, 'utf8')).replace(/url: \S+/, `url: ${webhookUrl}`));
}
