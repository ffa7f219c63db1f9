import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ImportFormat, ImportUnit } from './import-format.js';
import { onlineRetail } from './online-retail-file.js';
import { onlineRetailColumns, refusalReasons } from './online-retail.js';
import { segmentNdjson } from './segment-ndjson.js';

const heading = `${onlineRetailColumns.join()}\n`;
let dir = '';

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rapport-import-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function unitsOf(
  format: ImportFormat,
  name: string,
  content: string | Uint8Array,
): Promise<{ lines: number; units: ImportUnit[] }> {
  const path = join(dir, name);
  await writeFile(path, content);
  const { scan, units } = await format.open(path);
  const read: ImportUnit[] = [];
  for await (const unit of units()) read.push(unit);
  return { lines: scan.lines, units: read };
}

describe('online-retail', () => {
  it('puts an invoice together whose lines lie apart, from plain and from gzip', async () => {
    const text = `${heading}1,a,"Two\nlines, ""quoted""",1,2010-12-01 08:26:00,1,7.0,UK\n2,b,B,1,2010-12-01 08:26:00,1,8.0,UK\n1,c,C,1,2010-12-01 08:27:00,2,7.0,UK\n`;
    const plain = await unitsOf(onlineRetail, 'apart.csv', text);
    expect(plain.lines).toBe(3);
    expect(plain.units).toMatchObject([
      { lines: 1, event: { messageId: 'online-retail:2' } },
      {
        lines: 2,
        firstLine: 1,
        event: {
          messageId: 'online-retail:1',
          properties: { revenue: 3, products: [{ name: 'Two\nlines, "quoted"' }, { name: 'C' }] },
        },
      },
    ]);
    expect(await unitsOf(onlineRetail, 'apart.csv.gz', gzipSync(text))).toEqual(plain);
  });

  it('says what is wrong with another file', async () => {
    await expect(unitsOf(onlineRetail, 'other.csv', 'a,b\n1,2\n')).rejects.toThrow(
      'expected the columns InvoiceNo, StockCode',
    );
    const cut = gzipSync(`${heading}${'1,a,A,1,2010-12-01 08:26:00,1,7.0,UK\n'.repeat(5000)}`);
    await expect(unitsOf(onlineRetail, 'cut.csv.gz', cut.subarray(0, cut.length - 20))).rejects.toMatchObject(
      { code: 'IMPORT_FILE_DAMAGED' },
    );
  });

  const dataset = join(
    resolve(process.env['RAPPORT_DATASETS_DIR'] ?? '../shared/data'),
    'online_retail_uci/online_retail.csv.gz',
  );
  const whenPresent = existsSync(dataset) ? it : it.skip;
  whenPresent(
    `accounts for every one of the 541,909 real lines${existsSync(dataset) ? '' : ' (skipped: data not present)'}`,
    () => {
      // In a process of its own: inside Jest's realm the CSV parser is ten times slower.
      const { stdout, status } = spawnSync(
        process.execPath,
        ['tools/bin/rapport.mjs', 'import', dataset, '--format', 'online-retail', '--dry-run', '--json'],
        { encoding: 'utf8', timeout: 120_000 },
      );
      expect(status).toBe(0);
      const report = JSON.parse(stdout) as {
        linesRead: number;
        used: { what: string; lines: number; events: number }[];
        refused: { what: string; lines: number }[];
      };
      expect(report).toMatchObject({
        linesRead: 541_909,
        linesUsed: 539_798,
        linesRefused: 2_111,
        balanced: true,
        events: 23_799,
      });
      expect(report.used.map(({ what, lines, events }) => [what, lines, events])).toEqual([
        ['Order Completed', 530_510, 19_963],
        ['Order Refunded', 9_288, 3_836],
      ]);
      expect(report.refused.map(({ what, lines }) => [what, lines])).toEqual([
        [refusalReasons.correction, 1_336],
        [refusalReasons.movement, 772],
        [refusalReasons.adjustment, 3],
      ]);
    },
    150_000,
  );
});

describe('segment-ndjson', () => {
  it('takes events, gives those without a messageId a lasting one, and refuses the rest by reason', async () => {
    const text =
      '{"type":"track","event":"A","userId":"1","messageId":"m1"}\n\n{"type":"page","anonymousId":"x"}\nnonsense\n[1]\n{"event":"A"}\r\n';
    const first = await unitsOf(segmentNdjson, 'events.ndjson', text);
    expect(first.lines).toBe(5);
    expect(first.units).toMatchObject([
      { name: 'A', firstLine: 1, event: { messageId: 'm1' } },
      {
        name: 'page',
        firstLine: 3,
        event: { messageId: expect.stringMatching(/^segment-ndjson:[0-9a-f]{16}:3$/) },
      },
      { kind: 'refused', reason: 'not JSON', firstLine: 4 },
      { kind: 'refused', reason: 'JSON, but not an object' },
      { kind: 'refused', reason: expect.stringContaining('no type') },
    ]);
    expect(await unitsOf(segmentNdjson, 'events.ndjson', text)).toEqual(first);
  });
});
