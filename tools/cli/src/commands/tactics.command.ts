import type { Command } from 'commander';
import { answer, withPlatform, type CommandContext } from '../command-context.js';
import { tableOf } from '../table.js';

interface Arm {
  readonly people: number;
  /** Mean goal per person. */
  readonly mean?: number | null;
}

/** A tactic in the answer of `GET /v1/tactics`. */
interface TacticStanding {
  readonly tactic: string;
  readonly treated: Arm;
  readonly heldOut: Arm;
  /** Absent while there are too few people to say. */
  readonly lift?: number | null;
  readonly low?: number | null;
  readonly high?: number | null;
  readonly target?: number | null;
}

export function addTactics(program: Command, context: CommandContext): void {
  program
    .command('tactics')
    .description('what each tactic brings, against the people from whom it is withheld')
    .action(async () => {
      await withPlatform(context, async ({ http }) => {
        const body = await http.get<{ tactics: readonly TacticStanding[] }>('/v1/tactics');
        answer(context, body, () => standings(body.tactics));
      });
    });
}

function standings(tactics: readonly TacticStanding[]): string {
  if (tactics.length === 0) return 'The playbook has no tactics.';
  const right = { align: 'right' } as const;
  return tableOf(
    ['tactic', 'treated', 'mean', 'held out', 'mean', 'lift a person', '95 % interval', 'target'],
    tactics.map(({ tactic, treated, heldOut, lift, low, high, target }) => [
      tactic,
      String(treated.people),
      number(treated.mean),
      String(heldOut.people),
      number(heldOut.mean),
      lift == null ? 'too few people' : number(lift),
      low == null || high == null ? '' : `${number(low)} … ${number(high)}`,
      number(target),
    ]),
    [{}, right, right, right, right, right, right, right],
  );
}

const number = (value: number | null | undefined): string => (value == null ? '' : value.toFixed(4));
