import { runCli } from './program.js';
import { processTerminal } from './terminal.js';

const code = await runCli(process.argv.slice(2), processTerminal());
// Nothing is left to do, whatever a library still keeps open.
process.stdout.write('', () => process.exit(code));
