import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from '@rapport/testing';

/** What `import --json` answers. */
export interface ImportReport {
  readonly linesRead: number;
  readonly linesUsed: number;
  readonly linesRefused: number;
  readonly balanced: boolean;
  readonly events: number;
  readonly eventsFromEarlierRun: number;
  readonly sendSeconds: number;
  readonly refused: readonly { readonly what: string; readonly lines: number }[];
}

/** A run of the real command line in a process of its own. */
export class ImportProcess {
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  readonly ended: Promise<number | NodeJS.Signals>;

  constructor(file: string, httpUrl: string, apiToken: string, dataDir: string) {
    this.#child = spawn(
      process.execPath,
      [
        join(repositoryRoot, 'tools/bin/rapport.mjs'),
        'import',
        file,
        '--format',
        'online-retail',
        '--source',
        'shop-till',
        '--json',
      ],
      {
        cwd: repositoryRoot,
        env: {
          ...process.env,
          NODE_OPTIONS: '',
          RAPPORT_URL: httpUrl,
          RAPPORT_API_TOKEN: apiToken,
          RAPPORT_DATA_DIR: dataDir,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.ended = new Promise((resolve) =>
      this.#child.once('close', (code, signal) => resolve(code ?? signal ?? 1)),
    );
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** The report, when it ended well. */
  async report(): Promise<ImportReport> {
    const code = await this.ended;
    if (code !== 0) throw new Error(`the import ended with ${code}: ${this.#stderr}`);
    return JSON.parse(this.#stdout) as ImportReport;
  }
}
