// Runs one engine for an owner and sees to it that the engine does not outlive it, whatever becomes of the owner:
// node keeper.mjs '{"command","args","cwd","logFile","pidFile","owner":{"pid","started"},"remove":[paths]}'
// Plain JavaScript without dependencies, since it must start in any state of the checkout.
import { spawn } from 'node:child_process';
import { openSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';

const { command, args, cwd, env, logFile, pidFile, owner, remove } = JSON.parse(process.argv[2]);
const log = openSync(logFile, 'a');
// Before there is anything to keep: a stop may come at any time.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, end);
const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', log, log] });
if (child.pid !== undefined) writeFileSync(pidFile, String(child.pid));

/** Field 22 of /proc/<pid>/stat: tells a process from a later one with the same number. */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function ownerLives() {
  try {
    process.kill(owner.pid, 0);
  } catch (thrown) {
    if (thrown.code === 'ESRCH') return false;
  }
  return startOf(owner.pid) === owner.started;
}

let ending = false;
function end() {
  if (ending) return;
  ending = true;
  child.kill('SIGCONT');
  child.kill('SIGTERM');
  setTimeout(() => child.kill('SIGKILL'), 5_000).unref();
}

/** The folder, and that of the test run around it when this was the last in it. */
function removeWithRun(path) {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  const run = dirname(path);
  if (!basename(run).startsWith('rapport-engines-')) return;
  try {
    rmdirSync(run);
  } catch {
    // Another engine of the run is still ending.
  }
}

function leave(code) {
  rmSync(pidFile, { force: true });
  // What the owner meant to keep it removes by itself; without an owner nobody else would.
  if (!ownerLives()) for (const path of remove) removeWithRun(path);
  process.exit(code);
}

child.on('error', (thrown) => {
  writeFileSync(logFile, `${thrown.message}\n`, { flag: 'a' });
  leave(127);
});
child.on('exit', (code, signal) => {
  if (!ending) writeFileSync(logFile, `ended unasked: ${signal ?? `exit code ${code}`}\n`, { flag: 'a' });
  leave(code ?? (signal === null ? 1 : 0));
});
setInterval(() => void (ownerLives() || end()), 250);
