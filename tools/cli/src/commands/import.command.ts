import { basename, resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { answer, failWhen, type CommandContext } from '../command-context.js';
import { importFormats } from '../import/formats.js';
import type { ImportFormat } from '../import/import-format.js';
import { isBalanced, reportJson, reportText } from '../import/import-report.js';
import { createProgressDisplay } from '../import/progress-display.js';
import { lookOver, runImport, type ImportResult } from '../import/run-import.js';
import { reachOrEmbed } from '../platform/reach-platform.js';

interface Options {
  readonly format: string;
  readonly source?: string;
  readonly dryRun?: true;
}

export function addImport(program: Command, context: CommandContext): void {
  program
    .command('import')
    .description('bring the events of a file in; can be stopped and run again')
    .argument('<file>', 'plain or gzip')
    .addOption(
      new Option('--format <format>', 'what the file holds')
        .choices(importFormats.map(({ name }) => name))
        .makeOptionMandatory(),
    )
    .option('--source <name>', 'the source that the events are filed under (default: the format)', readSource)
    .option('--dry-run', 'only read the file and account for its lines')
    .action(async (file: string, options: Options) => {
      const format = importFormats.find(({ name }) => name === options.format);
      if (format === undefined) return;
      const source = options.source ?? format.name;
      const result = options.dryRun
        ? await lookOver({ path: resolve(file), format, stopped: context.terminal.stopped })
        : await importFile(file, format, source, context);
      answer(context, reportJson(result, basename(file), format.name, source), () =>
        reportText(result, basename(file)),
      );
      failWhen(context, !isBalanced(result));
    });
}

async function importFile(
  file: string,
  format: ImportFormat,
  source: string,
  context: CommandContext,
): Promise<ImportResult> {
  const { terminal } = context;
  const quiet = context.json();
  const say = (text: string): void => void (quiet ? undefined : terminal.err(text));
  const { dataDir } = context.config();
  say(`Looking ${basename(file)} over …`);
  return await runImport({
    path: resolve(file),
    format,
    source,
    dataDir,
    stopped: terminal.stopped,
    display: (total) => createProgressDisplay(total, terminal, quiet),
    platform: () => reachOrEmbed(context.config(), terminal),
    say,
  });
}

function readSource(text: string): string {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError('expected letters, digits, dots, dashes and underscores, at most 64');
}
