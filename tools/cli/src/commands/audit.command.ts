import { InvalidArgumentError, type Command } from 'commander';
import type { accessProto } from '@rapport/contracts';
import { parseDuration } from '@rapport/kernel';
import { answer, withPlatform, type CommandContext } from '../command-context.js';
import { tableOf } from '../table.js';

interface AuditOptions {
  readonly since?: string;
  readonly until?: string;
  readonly token?: string;
  readonly action?: string;
  readonly about?: string;
  readonly limit: number;
}

interface AuditPage {
  readonly entries: readonly accessProto.AuditEntry[];
  readonly nextCursor: string | null;
}

/** As many entries as one call gives. */
const pageSize = 1_000;
const mostEntries = 100_000;

export function addAudit(program: Command, context: CommandContext): void {
  program
    .command('audit')
    .description('who read, exported, linked, forgot and changed what, the newest first')
    .option('--since <when>', 'an ISO 8601 instant, or how long ago: 2h, 7d', readInstant)
    .option('--until <when>', 'the same', readInstant)
    .option('--token <name>', 'only what this token did')
    .option('--action <action>', 'only this action, for example privacy.erase')
    .option('--about <value>', 'only what was asked about this, for example user_id:42')
    .option('--limit <n>', `at most this many, up to ${mostEntries}`, readLimit, 100)
    .action(async ({ about, limit, ...filters }: AuditOptions) => {
      await withPlatform(context, async ({ http }) => {
        const entries: accessProto.AuditEntry[] = [];
        const question = new URLSearchParams({
          ...filters,
          ...(about === undefined ? {} : { subject: about }),
        });
        for (let cursor: string | null = ''; cursor !== null && entries.length < limit;) {
          question.set('limit', String(Math.min(pageSize, limit - entries.length)));
          if (cursor !== '') question.set('cursor', cursor);
          const page: AuditPage = await http.get<AuditPage>(`/v1/audit?${question.toString()}`);
          entries.push(...page.entries);
          cursor = page.nextCursor;
        }
        answer(context, entries, () => listing(entries));
      });
    });
}

function listing(entries: readonly accessProto.AuditEntry[]): string {
  if (entries.length === 0) return 'Nothing was written that fits.';
  return tableOf(
    ['when', 'token', 'action', 'about', 'end', 'from', 'times'],
    entries.map(({ at, token, action, subject, outcome, status, address, count }) => [
      at,
      token,
      action,
      Object.entries(subject)
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
      `${outcome} ${status}`.trim(),
      address,
      String(count),
    ]),
    [{}, {}, {}, { width: 50 }, {}, {}, { align: 'right' }],
  );
}

function readInstant(text: string): string {
  if (/^\d+(\.\d+)?(ms|s|m|h|d|w)$/.test(text))
    return new Date(Date.now() - parseDuration(text)).toISOString();
  if (!Number.isNaN(Date.parse(text))) return new Date(text).toISOString();
  throw new InvalidArgumentError('expected an ISO 8601 instant, or how long ago: 2h, 7d');
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= mostEntries) return limit;
  throw new InvalidArgumentError(`expected a whole number from 1 to ${mostEntries}`);
}
