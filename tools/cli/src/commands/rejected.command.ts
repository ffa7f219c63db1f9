import { InvalidArgumentError, type Command } from 'commander';
import { ingestionProto } from '@rapport/contracts';
import { RapportError } from '@rapport/kernel';
import { answer, failWhen, withPlatform, type CommandContext } from '../command-context.js';
import type { Platform } from '../platform/reach-platform.js';
import { tableOf } from '../table.js';

/** As many records as one call gives. */
const mostRecords = 1_000;

export function addRejected(program: Command, context: CommandContext): void {
  const rejected = program.command('rejected').description('events that were not taken, and why');
  rejected
    .command('list')
    .description('the newest first')
    .option('--limit <n>', `at most this many, up to ${mostRecords}`, readLimit, 100)
    .option('--code <code>', 'only this reason, for example INGESTION_PLAN_VIOLATION', '')
    .action(async (options: { limit: number; code: string }) => {
      await withPlatform(context, async (platform) => {
        const { records } = await (
          await service(platform)
        ).listRejected({
          limit: options.limit,
          code: options.code,
        });
        answer(context, records, () => listing(records));
      });
    });
  rejected
    .command('show')
    .description('one of them, whole')
    .argument('<id>', 'as list gives it')
    .action(async (id: string) => {
      await withPlatform(context, async (platform) => {
        const { records } = await (await service(platform)).listRejected({ limit: mostRecords, code: '' });
        const record = records.find((each) => each.id === id);
        if (record === undefined) {
          throw new RapportError(
            'REJECTED_NOT_FOUND',
            'not_found',
            `expected the id of one of the newest ${mostRecords} rejected events; there is no ${id}. See: rapport rejected list`,
          );
        }
        answer(
          context,
          record,
          () =>
            `${record.id}  ${record.rejectedAt}  ${record.stage}  source ${record.source}\n${record.code}: ${record.detail}\n${record.original}`,
        );
      });
    });
  rejected
    .command('replay')
    .description('send them through the front door again; what was taken before counts once')
    .argument('<id...>', 'as list gives them')
    .action(async (ids: string[]) => {
      await withPlatform(context, async (platform) => {
        const { results } = await (await service(platform)).replayRejected({ ids });
        answer(context, results, () =>
          results
            .map(
              ({ messageId, accepted, code, detail }) =>
                `${messageId}: ${accepted ? 'accepted' : `${code}: ${detail}`}`,
            )
            .join('\n'),
        );
        failWhen(
          context,
          results.some(({ accepted }) => !accepted),
        );
      });
    });
}

async function service(platform: Platform): Promise<ingestionProto.IngestionService> {
  return (await platform.calls()).to<ingestionProto.IngestionService>(
    ingestionProto.IngestionServiceDefinition,
  );
}

function listing(records: readonly ingestionProto.RejectedRecord[]): string {
  if (records.length === 0) return 'Nothing was rejected.';
  return tableOf(
    ['id', 'when', 'stage', 'source', 'why'],
    records.map(({ id, rejectedAt, stage, source, code, detail }) => [
      id,
      rejectedAt,
      stage,
      source,
      `${code}: ${detail}`,
    ]),
    [{}, {}, {}, {}, { width: 80 }],
  );
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= mostRecords) return limit;
  throw new InvalidArgumentError(`expected a whole number from 1 to ${mostRecords}`);
}
