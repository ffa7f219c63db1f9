import { RapportError } from '@rapport/kernel';
import type { Platform } from '../platform/reach-platform.js';
import type { FileScan, ImportFormat, ImportUnit } from './import-format.js';
import { awaitWorkedIn, whileTelling } from './await-worked-in.js';
import { isWorkedIn, landmarkOf, type Landmark } from './landmark.js';
import { LineAccount } from './line-account.js';
import type { ProgressDisplay } from './progress-display.js';
import { ProgressFile } from './progress-file.js';
import { mustBeFile } from './read-lines.js';
import { EventSender } from './send-events.js';

export interface ImportOptions {
  readonly path: string;
  readonly format: ImportFormat;
  readonly source: string;
  readonly dataDir: string;
  readonly stopped: AbortSignal;
  /** Opened when the file has been looked over. */
  readonly display: (totalLines: number) => ProgressDisplay;
  readonly platform: () => Promise<Platform>;
  /** Tells what happens, for people. */
  readonly say: (text: string) => void;
}

export interface ImportResult {
  readonly scan: FileScan;
  readonly account: LineAccount;
  /** From the first event sent to the last one acknowledged; absent when nothing was to be sent. */
  readonly sendMs: number | undefined;
  /** Until everything was worked in; only where the platform can tell. */
  readonly settleMs: number | undefined;
}

/** How many of the newest acknowledged events are looked for at the end: they lie in every partition. */
const watched = 32;

/**
 * In: a file. Out: its events through `POST /v1/import`, every line accounted for. Order: none needed, the platform's
 * folds do not depend on it. Failure: what was acknowledged is kept in the progress file; the next run goes on there.
 */
export async function runImport(options: ImportOptions): Promise<ImportResult> {
  await mustBeFile(options.path);
  const file = await options.format.open(options.path);
  const { scan } = file;
  const platform = await options.platform();
  try {
    const progress = new ProgressFile(options.dataDir, scan.digest, options.source);
    await checkLandmark(platform, progress, options.say);
    const startedMs = performance.now();
    const { account, newest } = await send(file.units(), scan, platform, progress, options);
    const sendMs = performance.now() - startedMs;
    progress.remove();
    options.say('Everything is acknowledged; working it into the profiles …');
    const settleFromMs = performance.now();
    const done = await whileTelling(platform.http, options.say, async () => {
      if (!platform.embedded) return await awaitWorkedIn(platform.http, newest, options.stopped);
      await platform.settle();
      return true;
    });
    if (!done) options.say('The platform is still working it in.');
    return { scan, account, sendMs, settleMs: done ? performance.now() - settleFromMs : undefined };
  } finally {
    await platform.close();
  }
}

async function send(
  units: AsyncIterable<ImportUnit>,
  scan: FileScan,
  platform: Platform,
  progress: ProgressFile,
  options: ImportOptions,
): Promise<{ account: LineAccount; newest: readonly Landmark[] }> {
  const account = new LineAccount();
  let newest: readonly Landmark[] = [];
  const display = options.display(scan.lines);
  let skipped = 0;
  const show = (): void =>
    display.update(account.linesUsed() + account.linesRefused(), skipped, account.events());
  const sender = new EventSender(
    platform.http,
    options.source,
    (sent, verdicts) => {
      const accepted = sent.filter((unit, index) => {
        const verdict = verdicts[index];
        if (verdict?.accepted === true) account.use(unit);
        else account.refuse(`the platform: ${verdict?.code ?? 'no verdict'}`, unit.lines, unit.firstLine);
        return verdict?.accepted === true;
      });
      progress.acknowledge(accepted);
      newest = [...newest, ...accepted.slice(-watched).map(landmarkOf)]
        .filter((landmark) => landmark !== undefined)
        .slice(-watched);
      show();
    },
    options.stopped,
  );
  try {
    for await (const unit of units) {
      throwWhenStopped(options.stopped);
      if (unit.kind === 'refused') account.refuse(unit.reason, unit.lines, unit.firstLine);
      else if (progress.has(unit)) {
        account.use(unit);
        account.earlierEvents++;
        skipped += unit.lines;
      } else await sender.add(unit);
    }
    await sender.finish();
    show();
  } finally {
    display.stop();
    progress.close();
  }
  return { account, newest };
}

/** Reads and accounts for a file without sending anything. */
export async function lookOver(
  options: Pick<ImportOptions, 'path' | 'format' | 'stopped'>,
): Promise<ImportResult> {
  await mustBeFile(options.path);
  const file = await options.format.open(options.path);
  const account = new LineAccount();
  for await (const unit of file.units()) {
    throwWhenStopped(options.stopped);
    if (unit.kind === 'refused') account.refuse(unit.reason, unit.lines, unit.firstLine);
    else account.use(unit);
  }
  return { scan: file.scan, account, sendMs: undefined, settleMs: undefined };
}

function throwWhenStopped(stopped: AbortSignal): void {
  if (stopped.aborted) {
    throw new RapportError(
      'CLI_INTERRUPTED',
      'conflict',
      'stopped; the same command goes on where this one ended',
    );
  }
}

/** An earlier run may have talked to another platform, or this one was emptied since: then nothing may be skipped. */
async function checkLandmark(
  platform: Platform,
  progress: ProgressFile,
  say: (text: string) => void,
): Promise<void> {
  const { landmark } = progress;
  if (landmark === undefined) {
    progress.forget();
    return;
  }
  if (await isWorkedIn(platform.http, landmark)) {
    say('Going on where an earlier import of this file ended.');
    return;
  }
  say(
    'This platform does not have what an earlier import of this file brought; starting from the beginning.',
  );
  progress.forget();
}
