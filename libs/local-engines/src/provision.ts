import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { lockFolder } from '@rapport/folder-lock';
import { messageOf, RapportError } from '@rapport/kernel';
import { repositoryRoot } from './repository-root.js';

const run = promisify(execFile);
const cache = join(repositoryRoot, '.local/engines');
const installMs = 5 * 60_000;

/** Kafka's jars; fetched once per version with Maven, afterwards found under .local/. Answers the class path. */
export async function provisionKafka(stopped?: AbortSignal): Promise<string> {
  const pom = join(repositoryRoot, 'infra/local/pom.xml');
  const folder = await once('kafka', pom, stopped, async (into) => {
    await need('java', ['-version'], 'Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless)');
    await need('mvn', ['-version'], 'Maven (Debian: apt-get install maven)');
    await run(
      'mvn',
      ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${join(into, 'libs')}`],
      { timeout: installMs, signal: stopped },
    );
  });
  return join(folder, 'libs', '*');
}

/** The MongoDB-protocol server; installed once per version into a virtual environment. Answers the program. */
export async function provisionMongo(stopped?: AbortSignal): Promise<string> {
  const requirements = join(repositoryRoot, 'infra/local/requirements.txt');
  const folder = await once('mongo', requirements, stopped, async (into) => {
    await need(
      'python3',
      ['-m', 'venv', '--help'],
      'Python 3.10 or newer with venv (Debian: apt-get install python3-venv)',
    );
    await run('python3', ['-m', 'venv', join(into, 'venv')], { timeout: installMs, signal: stopped });
    await run(
      join(into, 'venv/bin/pip'),
      ['install', '-q', '--disable-pip-version-check', '-r', requirements],
      { timeout: installMs, signal: stopped },
    );
  });
  return join(folder, 'venv/bin/secantusd-py');
}

/** Does the installation that a file describes, once per content of the file; others wait meanwhile. */
async function once(
  name: string,
  description: string,
  stopped: AbortSignal | undefined,
  install: (into: string) => Promise<void>,
): Promise<string> {
  const digest = createHash('sha256').update(readFileSync(description)).digest('hex').slice(0, 12);
  const folder = join(cache, `${name}-${digest}`);
  const done = join(folder, 'installed');
  if (existsSync(done)) return folder;
  mkdirSync(cache, { recursive: true });
  const release = await turn(join(cache, `${name}-installing`), stopped);
  try {
    if (existsSync(done)) return folder;
    // Left behind by an installation that was cut off.
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    await install(folder);
    writeFileSync(done, '');
    return folder;
  } catch (thrown) {
    stopped?.throwIfAborted();
    if (thrown instanceof RapportError) throw thrown;
    throw new RapportError(
      'ENGINES_NOT_INSTALLED',
      'unavailable',
      `${name} could not be installed under ${folder}: ${messageOf(thrown).slice(0, 2000)}`,
    );
  } finally {
    release();
  }
}

/** Waits until no other process holds the folder. */
export async function turn(folder: string, stopped?: AbortSignal): Promise<() => void> {
  const giveUpAt = Date.now() + installMs;
  for (;;) {
    stopped?.throwIfAborted();
    try {
      const lock = lockFolder(folder, 'ENGINES_BUSY');
      return () => lock.release();
    } catch (thrown) {
      if (!(thrown instanceof RapportError) || Date.now() > giveUpAt) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function need(program: string, args: readonly string[], what: string): Promise<void> {
  try {
    await run(program, [...args], { timeout: 30_000 });
  } catch {
    throw new RapportError(
      'ENGINES_PREREQUISITE_MISSING',
      'unavailable',
      `${program} is missing: install ${what} and run this again`,
    );
  }
}
