import { InvalidArgumentError, type Command } from 'commander';
import { ingestionProto } from '@rapport/contracts';
import { RapportError } from '@rapport/kernel';
import { answer, failWhen, withPlatform, type CommandContext } from '../command-context.js';
import type { Platform } from '../platform/reach-platform.js';
import { tableOf } from '../table.js';

/** As many records as one call gives. */
const mostRecords = 1_000;

export function addRejected(program: Command, context: CommandContext): void {
  const rejected = program
    .command('rejected')
    .description('what any room could not take, and why: events, records of topics, stored documents');
  rejected
    .command('list')
    .description('the newest first')
    .option('--limit <n>', `at most this many, up to ${mostRecords}`, readLimit, 100)
    .option('--code <code>', 'only this reason, for example INGESTION_PLAN_VIOLATION', '')
    .option(
      '--stage <room>',
      'only what this room refused: ingestion, identity, profiles, journeys, deliver, recommendations',
      '',
    )
    .action(async ({ limit, code, stage }: { limit: number; code: string; stage: string }) => {
      await withPlatform(context, async (platform) => {
        const ingestion = await service(platform);
        const { records } = await ingestion.listRejected({ limit, code, stage, id: '' });
        answer(context, records, () => listing(records));
      });
    });
  rejected
    .command('show')
    .description('one of them, whole')
    .argument('<id>', 'as list gives it')
    .action(async (id: string) => {
      await withPlatform(context, async (platform) => {
        const ingestion = await service(platform);
        const { records } = await ingestion.listRejected({ limit: 1, code: '', stage: '', id });
        const [record] = records;
        if (record === undefined) {
          throw new RapportError(
            'REJECTED_NOT_FOUND',
            'not_found',
            `expected the id of a rejected record that is still kept; there is no ${id}. See: rapport rejected list`,
          );
        }
        answer(
          context,
          record,
          () =>
            `${record.id}  ${record.rejectedAt}  ${record.stage}  ${whence(record)}\n${record.code}: ${record.detail}\n${record.original}`,
        );
      });
    });
  rejected
    .command('replay')
    .description(
      'send events through the front door again, and put records of other topics back; what was taken before counts once',
    )
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
    ['id', 'when', 'stage', 'where', 'why'],
    records.map((record) => [
      record.id,
      record.rejectedAt,
      record.stage,
      whence(record),
      `${record.code}: ${record.detail}`,
    ]),
    [{}, {}, {}, {}, { width: 80 }],
  );
}

/** Where it stood, or who sent it to the front door. */
const whence = ({ place, source }: ingestionProto.RejectedRecord): string =>
  place === '' ? `source ${source}` : place;

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= mostRecords) return limit;
  throw new InvalidArgumentError(`expected a whole number from 1 to ${mostRecords}`);
}
