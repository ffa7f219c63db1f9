import type { Command } from 'commander';
import { answer, failWhen, type CommandContext } from '../command-context.js';
import { differences, formatDifference } from '../playbook/differences.js';
import { openEarlier } from '../playbook/earlier-playbook.js';

export function addPlaybook(program: Command, context: CommandContext): void {
  const playbook = program.command('playbook').description('the definitions that the platform runs on');
  playbook
    .command('check')
    .description('every mistake with its place; exits 1 when there is one')
    .argument('[folder]', 'default: RAPPORT_PLAYBOOK_DIR')
    .action(async (folder: string | undefined) => {
      const dir = folder ?? context.config().playbookDir;
      const { checkPlaybook, formatProblem } = await playbooks();
      const problems = await checkPlaybook(dir);
      const errors = problems.filter(({ severity }) => severity === 'error').length;
      answer(context, { folder: dir, errors, warnings: problems.length - errors, problems }, () =>
        [
          ...problems.map((problem) => formatProblem({ ...problem, file: `${dir}/${problem.file}` })),
          verdict(errors, problems.length - errors),
        ].join('\n'),
      );
      failWhen(context, errors > 0);
    });
  playbook
    .command('diff')
    .description('which definitions differ from an earlier version; exits 1 when one does')
    .argument('[folder]', 'default: RAPPORT_PLAYBOOK_DIR')
    .option('--against <folder or git revision>', 'what to compare with', 'HEAD')
    .action(async (folder: string | undefined, options: { against: string }) => {
      const dir = folder ?? context.config().playbookDir;
      const { loadPlaybook } = await playbooks();
      const earlier = await openEarlier(options.against, dir);
      try {
        const found = differences(await loadPlaybook(earlier.dir), await loadPlaybook(dir));
        answer(context, found, () =>
          found.length === 0
            ? `Nothing differs from ${options.against}.`
            : found.map(formatDifference).join('\n'),
        );
        failWhen(context, found.length > 0);
      } finally {
        await earlier.close();
      }
    });
}

function verdict(errors: number, warnings: number): string {
  if (errors + warnings === 0) return 'No problems.';
  return `${errors} error${errors === 1 ? '' : 's'}, ${warnings} warning${warnings === 1 ? '' : 's'}.`;
}

/** Loaded by the commands that need it: it brings the schema compiler, which every other command would wait for. */
const playbooks = () => import('@rapport/playbook');
