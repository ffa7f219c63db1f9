// The Python environment of training and of the tests with Triton's client: made once, in .local/venv-training, from
// training/pyproject.toml. `node training/environment.mjs` prints where its Python is; exits 2 with one line when there
// can be none on this machine.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, '..');
const folder = join(root, '.local/venv-training');
const python = join(folder, 'bin/python');

const run = (command, args, timeout = 600_000) =>
  spawnSync(command, args, { cwd: root, encoding: 'utf8', timeout, env: { ...process.env, PYTHONPATH: '' } });

/** Python 3.11 or newer on this machine; undefined when there is none. */
function systemPython() {
  return ['python3', 'python3.13', 'python3.12', 'python3.11'].find((name) => {
    const { stdout, status } = run(name, ['-c', 'import sys; print(sys.version_info >= (3, 11))'], 30_000);
    return status === 0 && stdout.trim() === 'True';
  });
}

/** Makes the environment where it is missing or older than pyproject.toml. Answers `{ python }` or `{ missing: why }`. */
export function trainingEnvironment() {
  const digest = createHash('sha256').update(readFileSync(join(here, 'pyproject.toml'))).digest('hex');
  const marker = join(folder, '.rapport-digest');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === digest && run(python, ['-c', '']).status === 0) return { python };
  const system = systemPython();
  if (system === undefined) return { missing: 'there is no Python 3.11 or newer on this machine' };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(root, '.local'), { recursive: true });
  const made = run(system, ['-m', 'venv', folder]);
  if (made.status !== 0) return { missing: `${system} -m venv failed: ${lastLine(made)}` };
  const installed = run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--editable', `${here}[test]`]);
  if (installed.status !== 0) return { missing: `pip could not install training/pyproject.toml: ${lastLine(installed)}` };
  writeFileSync(marker, digest);
  return { python };
}

const lastLine = ({ stderr, stdout, error }) => error?.message ?? `${stdout}${stderr}`.trim().split('\n').at(-1);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const environment = trainingEnvironment();
  console.log(environment.python ?? environment.missing);
  process.exit(environment.python === undefined ? 2 : 0);
}
