import { execFileSync } from 'node:child_process';
import { readFileSync, closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';

/** What a figure depends on beside the code. */
export interface MachineFacts {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly kernel: string;
  /** Median of writing 4 KiB and forcing it to disk, in the folder that is measured. */
  readonly fsyncMs: number;
  /** Processes that wanted a core in the minute before: above 0.5 somebody else was at work, and figures are low. */
  readonly loadBefore: number;
  readonly revision: string;
}

export function machineFacts(workDir: string): MachineFacts {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    kernel: readFileSync('/proc/version', 'utf8').split(' ').slice(0, 3).join(' '),
    fsyncMs: medianFsyncMs(workDir),
    loadBefore: loadavg()[0] ?? NaN,
    revision: revision(),
  };
}

function medianFsyncMs(dir: string): number {
  const path = join(dir, 'fsync-probe');
  const file = openSync(path, 'w');
  const page = Buffer.alloc(4096, 1);
  const times = Array.from({ length: 51 }, () => {
    const started = performance.now();
    writeSync(file, page);
    fsyncSync(file);
    return performance.now() - started;
  }).sort((a, b) => a - b);
  closeSync(file);
  rmSync(path);
  return times[25] ?? NaN;
}

function revision(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}
