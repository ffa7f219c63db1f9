import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { repositoryRoot } from '@rapport/testing';

/** Where the real file is; undefined where the data sets are not on this machine. */
export function onlineRetailFile(): string | undefined {
  const path = join(
    resolve(process.env['RAPPORT_DATASETS_DIR'] ?? join(repositoryRoot, '../shared/data')),
    'online_retail_uci/online_retail.csv.gz',
  );
  return existsSync(path) ? path : undefined;
}

/** What the independent computation says. */
export interface Reference {
  readonly lines: number;
  readonly customers: Readonly<
    Record<
      string,
      {
        readonly orders: number;
        readonly revenue: string;
        readonly refunds: number;
        readonly refunded: string;
      }
    >
  >;
  /** `type:value` of everybody with an order of 2,000 or more. */
  readonly peopleWithLargeOrder: readonly string[];
}

/** Runs reference.py over the file. */
export function computeReference(file: string): Reference {
  const { status, stdout, stderr } = spawnSync(
    'python3',
    [join(repositoryRoot, 'e2e/online-retail/reference.py'), file],
    {
      encoding: 'utf8',
      maxBuffer: 64 << 20,
      timeout: 120_000,
    },
  );
  if (status !== 0) throw new Error(`reference.py: expected Python 3.9 or newer; ${stderr}`);
  return JSON.parse(stdout) as Reference;
}
