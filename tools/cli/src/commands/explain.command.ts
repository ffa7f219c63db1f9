import type { Command } from 'commander';
import type { DecisionRecord } from '@rapport/contracts';
import { answer, withPlatform, type CommandContext } from '../command-context.js';
import { tableOf } from '../table.js';

export function addExplain(program: Command, context: CommandContext): void {
  program
    .command('explain')
    .description('why a decision came out as it did')
    .argument('<decision>', 'id of a decision, as /v1/decide answers it')
    .action(async (decision: string) => {
      await withPlatform(context, async ({ http }) => {
        const record = await http.get<DecisionRecord>(`/v1/decisions/${encodeURIComponent(decision)}`);
        answer(context, record, () => explanation(record));
      });
    });
}

function explanation(record: DecisionRecord): string {
  const { chosen } = record;
  const candidates = tableOf(
    ['tactic', 'variant', 'outcome', 'score', 'why'],
    record.candidates.map(({ tactic, variant, outcome, score, reason }) => [
      tactic,
      variant ?? '',
      outcome,
      score?.toFixed(4) ?? '',
      reason,
    ]),
    [{}, {}, {}, { align: 'right' }, { width: 70 }],
  );
  return [
    `Decision ${record.decisionId}`,
    `  for       ${record.person} (${record.profileId})`,
    `  where     ${record.placement}`,
    `  when      ${record.at}`,
    `  chosen    ${chosen === null ? 'nothing' : `${chosen.tactic}, variant ${chosen.variant}`}${record.holdout ? ' – the best candidate is withheld from this person to measure it' : ''}`,
    `  by        ${record.rung}, with probability ${record.propensity}`,
    ...(chosen?.items === undefined
      ? []
      : [`  items     ${chosen.items.map((item) => JSON.stringify(item)).join('\n            ')}`]),
    ...Object.entries(record.versions).map(
      ([name, version]) => `  ${name.padEnd(9)} ${JSON.stringify(version)}`,
    ),
    candidates,
  ].join('\n');
}
