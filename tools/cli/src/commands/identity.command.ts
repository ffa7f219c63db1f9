import type { Command } from 'commander';
import { identityProto } from '@rapport/contracts';
import { parseIdentifier } from '@rapport/kernel';
import { answer, withPlatform, type CommandContext } from '../command-context.js';
import type { Platform } from '../platform/reach-platform.js';
import { tableOf } from '../table.js';

export function addIdentity(program: Command, context: CommandContext): void {
  const identity = program.command('identity').description('who is who, and since when');
  identity
    .command('show')
    .description('the identifiers of a person, what joins them, and their history')
    .argument('<person>', 'type:value, for example user_id:42')
    .action(async (person: string) => {
      await withPlatform(context, async (platform) => {
        const found = await (await service(platform)).getPerson({ person: parseIdentifier(person) });
        answer(context, found, () => graph(found));
      });
    });
  identity
    .command('link')
    .description('say that two identifiers are one person')
    .argument('<from>', 'type:value')
    .argument('<to>', 'type:value')
    .option('--reason <text>', 'kept in the history', 'command line')
    .action(async (from: string, to: string, options: { reason: string }) => {
      await withPlatform(context, async (platform) => {
        const linked = await (
          await service(platform)
        ).link({
          from: parseIdentifier(from),
          to: parseIdentifier(to),
          reason: options.reason,
        });
        answer(context, linked, () => `${from} and ${to} are one person: ${linked.profileId}`);
      });
    });
  identity
    .command('unlink')
    .description('take the evidence between two identifiers back')
    .argument('<from>', 'type:value')
    .argument('<to>', 'type:value')
    .option('--reason <text>', 'kept in the history', 'command line')
    .action(async (from: string, to: string, options: { reason: string }) => {
      await withPlatform(context, async (platform) => {
        const apart = await (
          await service(platform)
        ).unlink({
          from: parseIdentifier(from),
          to: parseIdentifier(to),
          reason: options.reason,
        });
        answer(context, apart, () =>
          apart.fromProfileId === apart.toProfileId
            ? `Other evidence still joins ${from} and ${to}: ${apart.fromProfileId}. See: rapport identity show ${from}`
            : `${from} is ${apart.fromProfileId}, ${to} is ${apart.toProfileId}`,
        );
      });
    });
}

async function service(platform: Platform): Promise<identityProto.IdentityService> {
  return (await platform.calls()).to<identityProto.IdentityService>(identityProto.IdentityServiceDefinition);
}

function graph(person: identityProto.GetPersonResponse): string {
  const table = (head: string[], rows: string[][]): string =>
    rows.length === 0 ? '  none' : tableOf(head, rows);
  return [
    `${person.profileId}: ${person.identifiers.join(', ')}`,
    'What joins them',
    table(
      ['from', 'to', 'kind', 'source', 'first seen', 'last seen', 'days'],
      person.edges.map((edge) => [
        edge.from,
        edge.to,
        edge.kind,
        edge.source,
        edge.firstSeen,
        edge.lastSeen,
        String(edge.count),
      ]),
    ),
    'History',
    table(
      ['when', 'what', 'from', 'to', 'why'],
      person.history.map((entry) => [entry.at, entry.kind, entry.from, entry.to, entry.reason]),
    ),
  ].join('\n');
}
