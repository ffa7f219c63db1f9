export { runCli } from './program.js';
export { processTerminal, type Terminal } from './terminal.js';
export { exitCodes } from './exit-codes.js';
