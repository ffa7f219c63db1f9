import { InvalidArgumentError, type Command } from 'commander';
import { isProfileId, parseIdentifier } from '@rapport/kernel';
import type { Playbook } from '@rapport/playbook';
import { answer, type CommandContext } from '../command-context.js';
import { readPerson, readTimeline } from '../person/person-answer.js';
import { tellStory } from '../person/story.js';
import { reachOrEmbed } from '../platform/reach-platform.js';

export function addPerson(program: Command, context: CommandContext): void {
  program
    .command('person')
    .description("one person's story: who, numbers, segments, consent, events")
    .argument('<person>', 'type:value, for example user_id:42, or a profile id p_…', readPersonId)
    .option('--events <n>', 'how many events to tell one by one', readCount, 15)
    .action(async (asked: string, options: { events: number }) => {
      const config = context.config();
      const platform = await reachOrEmbed(config, context.terminal);
      try {
        const person = await readPerson(platform.http, asked);
        const { events, more } = await readTimeline(platform.http, asked);
        const playbook = await titles(config.playbookDir);
        answer(context, { ...person, events: events.slice(0, options.events) }, () =>
          tellStory({ asked, person, events, more, told: options.events, playbook }),
        );
      } finally {
        await platform.close();
      }
    });
}

/** Only titles are wanted of it, so a playbook that cannot be read is no reason to fail. */
async function titles(dir: string): Promise<Playbook | undefined> {
  const { loadPlaybook } = await import('@rapport/playbook');
  return await loadPlaybook(dir).catch(() => undefined);
}

function readPersonId(text: string): string {
  return isProfileId(text) ? text : parseIdentifier(text);
}

function readCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 0 && count <= 5_000) return count;
  throw new InvalidArgumentError('expected a whole number from 0 to 5000');
}
