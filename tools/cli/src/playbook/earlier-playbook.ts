import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, RapportError } from '@rapport/kernel';

const run = promisify(execFile);

/** A playbook folder to compare with; `close` removes what was unpacked for it. */
export interface EarlierPlaybook {
  readonly dir: string;
  close(): Promise<void>;
}

/** A folder as it lies there, or the same folder as a git revision has it. */
export async function openEarlier(against: string, dir: string): Promise<EarlierPlaybook> {
  const isFolder = await stat(against).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder) return { dir: against, close: () => Promise.resolve() };
  const folder = await mkdtemp(join(tmpdir(), 'rapport-playbook-'));
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const archive = join(folder, 'earlier.tar');
    const { stdout: top } = await run('git', ['-C', dir, 'rev-parse', '--show-toplevel']);
    const { stdout: inside } = await run('git', ['-C', dir, 'rev-parse', '--show-prefix']);
    const { stdout } = await run('git', ['-C', top.trim(), 'archive', `${against}:${inside.trim()}`], {
      encoding: 'buffer',
      maxBuffer: 64 << 20,
    });
    await writeFile(archive, stdout);
    await run('tar', ['-xf', archive, '-C', folder]);
    await rm(archive);
    return { dir: folder, close };
  } catch (thrown) {
    await close();
    throw new RapportError(
      'PLAYBOOK_EARLIER_MISSING',
      'not_found',
      `expected a folder or a git revision that has ${dir}; came ${against}: ${messageOf(thrown).split('\n').slice(-2).join(' ').trim()}`,
    );
  }
}
