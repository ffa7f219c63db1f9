import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { createGunzip } from 'node:zlib';
import { call, NotNow, untilThrough, type Door } from '../door.js';
import type { Input } from './input.js';

export interface OnlineRetailInputOptions {
  /** The root of the checkout. */
  readonly root: string;
  /** online_retail.csv.gz. */
  readonly file: string;
  /** Only so many of its first lines; absent: all. */
  readonly lines?: number;
}

const startIso = '2026-11-01T00:00:00.000Z';
/** After everything, so that nothing is about to happen. */
const endIso = '2026-11-20T00:00:00.000Z';
const settleMs = 1_800_000;

/** What `import --json` answers. */
interface ImportReport {
  readonly linesRead: number;
  readonly linesUsed: number;
  readonly linesRefused: number;
  readonly balanced: boolean;
  readonly events: number;
}

/** A real file, by the command that a person would use. */
export function onlineRetailInput({ root, file, lines }: OnlineRetailInputOptions): Input {
  return {
    name: 'online-retail',
    title: `UCI Online Retail, ${lines === undefined ? 'whole' : `the first ${lines} lines`}`,
    startIso,
    playbookDir: join(root, 'playbook'),
    feed: async (door, folder, say) => {
      mkdirSync(folder, { recursive: true });
      const path = lines === undefined ? file : await beginningOf(file, lines, join(folder, 'beginning.csv'));
      const { linesRead, linesUsed, linesRefused, balanced, events } = await importInto(
        door,
        { root, path, folder },
        say,
      );
      if (!balanced) throw new Error(`${linesRead} lines read, ${linesUsed} used, ${linesRefused} refused`);
      for (const advanceTo of [undefined, endIso]) await settle(door, advanceTo);
      return { events, atIso: endIso, answers: { linesRead, linesUsed, linesRefused, events } };
    },
  };
}

async function settle(door: Door, advanceTo: string | undefined): Promise<void> {
  await untilThrough(async () => {
    const { status, body } = await call(
      door,
      'POST',
      '/v1/clock',
      advanceTo === undefined ? {} : { advanceTo },
      settleMs,
    );
    if (status !== 200) throw new NotNow(`the clock answered ${status} ${JSON.stringify(body)}`);
  }, settleMs);
}

async function importInto(
  door: Door,
  { root, path, folder }: { readonly root: string; readonly path: string; readonly folder: string },
  say: (line: string) => void,
): Promise<ImportReport> {
  const child = spawn(
    process.execPath,
    [
      join(root, 'tools/cli/dist/main.js'),
      'import',
      path,
      '--format',
      'online-retail',
      '--source',
      'shop-till',
      '--json',
    ],
    {
      env: {
        PATH: process.env['PATH'],
        RAPPORT_URL: door.httpUrl,
        RAPPORT_API_TOKEN: door.apiToken,
        RAPPORT_DATA_DIR: join(folder, 'import'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let answer = '';
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const telling = setInterval(() => void tellProgress(door, say), 15_000);
  const [code] = (await once(child, 'close')) as [number | null];
  clearInterval(telling);
  if (code !== 0) throw new Error(`the import ended with ${code ?? 'a signal'}: ${complaint}`);
  return JSON.parse(answer) as ImportReport;
}

async function tellProgress(door: Door, say: (line: string) => void): Promise<void> {
  try {
    const { body } = await call(door, 'GET', '/v1/status');
    const { events, lag } = body as { events?: { accepted?: number }; lag?: number };
    say(`${events?.accepted ?? '?'} events accepted, ${lag ?? '?'} records to be worked in`);
  } catch {
    // A platform that has no time to tell is asked again.
  }
}

/** The heading and so many lines after it, as plain text. */
async function beginningOf(file: string, lines: number, path: string): Promise<string> {
  const source = createReadStream(file);
  const written = createWriteStream(path);
  let left = lines + 1;
  for await (const line of createInterface({ input: source.pipe(createGunzip()) })) {
    written.write(`${line}\n`);
    if (--left === 0) break;
  }
  source.destroy();
  written.end();
  await once(written, 'close');
  return path;
}
