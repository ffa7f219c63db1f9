import { InvalidArgumentError, type Command } from 'commander';
import { messagesProto } from '@rapport/contracts';
import { answer, withPlatform, type CommandContext } from '../command-context.js';
import type { Platform } from '../platform/reach-platform.js';
import { tableOf } from '../table.js';

/** As many messages as one call gives. */
const mostMessages = 1_000;

interface Filter {
  readonly person: string;
  readonly state: string;
  readonly tactic: string;
  readonly channel: string;
  readonly since: string;
  readonly until: string;
}

export function addMessages(program: Command, context: CommandContext): void {
  const messages = program.command('messages').description('messages on their way, and how they ended');
  withFilter(messages.command('list'), '')
    .description('the newest first')
    .option('--limit <n>', `at most this many, up to ${mostMessages}`, readLimit, 100)
    .action(async (options: Filter & { limit: number }) => {
      await withPlatform(context, async (platform) => {
        const service = await serviceOf(platform);
        const found: messagesProto.MessageStanding[] = [];
        for (let cursor = ''; found.length < options.limit;) {
          const limit = options.limit - found.length;
          const page = await service.listMessages({ filter: filterOf(options), cursor, limit });
          found.push(...page.messages);
          cursor = page.nextCursor;
          if (cursor === '') break;
        }
        answer(context, found, () => listing(found));
      });
    });
  withFilter(messages.command('replay'), 'failed')
    .description('send those that failed or were cancelled anew; what nobody wants any more is not sent')
    .action(async (options: Filter) => {
      await withPlatform(context, async (platform) => {
        const service = await serviceOf(platform);
        const replayed: string[] = [];
        for (let cursor = ''; ;) {
          const request = { filter: filterOf(options), cursor, limit: mostMessages };
          const page = await service.replayMessages(request);
          replayed.push(...page.messageIds);
          cursor = page.nextCursor;
          if (cursor === '') break;
        }
        answer(
          context,
          { messageIds: replayed },
          () => `${replayed.length} messages wait again. See: rapport messages list`,
        );
      });
    });
}

const withFilter = (command: Command, state: string): Command =>
  command
    .option('--person <who>', 'type:value or a profile id', '')
    .option(
      '--state <state>',
      state === '' ? 'waiting, sent, failed or cancelled' : 'failed or cancelled',
      state,
    )
    .option('--tactic <name>', 'only of this tactic', '')
    .option('--channel <name>', 'only of this channel', '')
    .option('--since <instant>', 'reached their state at or after, ISO 8601', '')
    .option('--until <instant>', 'reached their state before, ISO 8601', '');

const filterOf = ({ person, state, tactic, channel, since, until }: Filter): messagesProto.MessageFilter => ({
  person,
  state,
  tactic,
  channel,
  from: since,
  to: until,
});

async function serviceOf(platform: Platform): Promise<messagesProto.MessagesService> {
  return (await platform.calls()).to<messagesProto.MessagesService>(messagesProto.MessagesServiceDefinition);
}

function listing(messages: readonly messagesProto.MessageStanding[]): string {
  if (messages.length === 0) return 'There are no such messages.';
  return tableOf(
    ['message', 'when', 'channel', 'tactic', 'state', 'tries', 'next try', 'why'],
    messages.map(({ messageId, at, channel, tactic, state, attempts, due, reason, detail }) => [
      messageId,
      at,
      channel,
      tactic,
      state,
      String(attempts),
      due,
      reason === '' ? detail : `${reason}: ${detail}`,
    ]),
    [{}, {}, {}, {}, {}, { align: 'right' }, {}, { width: 60 }],
  );
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= mostMessages) return limit;
  throw new InvalidArgumentError(`expected a whole number from 1 to ${mostMessages}`);
}
