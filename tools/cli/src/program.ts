import { Command, CommanderError } from 'commander';
import { messageOf, RapportError } from '@rapport/kernel';
import { readCliConfig, type CliConfig } from './cli.config.js';
import type { CommandContext } from './command-context.js';
import { addAudit } from './commands/audit.command.js';
import { addExplain } from './commands/explain.command.js';
import { addIdentity } from './commands/identity.command.js';
import { addImport } from './commands/import.command.js';
import { addMessages } from './commands/messages.command.js';
import { addPerson } from './commands/person.command.js';
import { addPlaybook } from './commands/playbook.command.js';
import { addRejected } from './commands/rejected.command.js';
import { addTactics } from './commands/tactics.command.js';
import { addToken } from './commands/token.command.js';
import { addTopics } from './commands/topics.command.js';
import { addUp } from './commands/up.command.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import type { Terminal } from './terminal.js';

/** Every command; a new one is a file and a line here. */
const commands = [
  addUp,
  addImport,
  addPerson,
  addExplain,
  addTactics,
  addIdentity,
  addRejected,
  addMessages,
  addPlaybook,
  addTopics,
  addToken,
  addAudit,
];

const environmentHelp = `
Environment:
  RAPPORT_HTTP_PORT, RAPPORT_GRPC_PORT   where the platform listens (8080, 9090)
  RAPPORT_URL, RAPPORT_GRPC_ADDRESS      the same for one on another machine
  RAPPORT_API_TOKEN                      default: that of credentials.json in the data folder
  RAPPORT_DATA_DIR, RAPPORT_PLAYBOOK_DIR ./data, ./playbook
  RAPPORT_KAFKA_BROKERS, _TLS, _SASL,    the cluster whose topics are checked or applied
  _USERNAME, _PASSWORD, _REPLICAS

Exit codes: 0 done, 1 the answer is no, 2 wrong command line, 3 not found, 4 no platform or not let in, 130 stopped`;

/** Runs one command line (without the program's name) and answers the exit code. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = exitCodes.done;
  let config: CliConfig | undefined;
  const program = new Command('rapport');
  // Wherever it stands on the line: an error must come as JSON too.
  const json = (): boolean => argv.includes('--json');
  const context: CommandContext = {
    terminal,
    config: () => (config ??= readCliConfig(terminal.environment)),
    json,
    exitWith: (wanted) => (code = wanted),
  };
  program
    .description(
      'One profile per person from a stream of customer events, and the next best action on every channel.',
    )
    .addHelpText('after', environmentHelp)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    });
  for (const add of commands) add(program, context);
  for (const command of everyCommand(program))
    command.copyInheritedSettings(program).option('--json', 'answer as JSON on one line');
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    if (terminal.stopped.aborted) {
      terminal.err('Stopped. The same command goes on where this one ended.');
      return exitCodes.interrupted;
    }
    tell(explained(thrown, context), terminal, json());
    return exitCodeOf(thrown);
  }
}

/** gRPC says that nobody answers; what to do about it is ours to say. */
function explained(thrown: unknown, context: CommandContext): unknown {
  if (!(thrown instanceof RapportError) || thrown.code !== 'GRPC_UNAVAILABLE') return thrown;
  return new RapportError(
    'PLATFORM_UNREACHABLE',
    'unavailable',
    `expected the platform's gRPC door at ${context.config().grpcAddress}; nobody answers there. Set RAPPORT_GRPC_PORT or RAPPORT_GRPC_ADDRESS to where it listens.`,
  );
}

function* everyCommand(command: Command): Iterable<Command> {
  for (const inner of command.commands) {
    yield inner;
    yield* everyCommand(inner);
  }
}

function tell(thrown: unknown, terminal: Terminal, json: boolean): void {
  const error =
    thrown instanceof RapportError ? thrown : new RapportError('CLI_BROKE', 'internal', messageOf(thrown));
  const { code, message, detail } = error;
  if (json)
    terminal.err(JSON.stringify({ error: { code, message, ...(detail === undefined ? {} : { detail }) } }));
  else terminal.err(`${code}: ${message}${detail === undefined ? '' : `\n${detail}`}`);
  if (
    !(thrown instanceof RapportError) &&
    thrown instanceof Error &&
    terminal.environment['RAPPORT_LOG_LEVEL'] === 'debug'
  )
    terminal.err(thrown.stack ?? '');
}
