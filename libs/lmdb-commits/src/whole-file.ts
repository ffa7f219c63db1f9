import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { RapportError } from '@rapport/kernel';

// What is said of the format was read in lmdb 3.5, dependencies/lmdb/libraries/liblmdb/mdb.c (MDB_page_header, MDB_meta,
// MDB_db, MDB_node, MDB_ovpage), as it is on 64-bit little-endian machines.
const headerBytes = 24;
const flagsAt = 18;
const lowerAt = 20;
const flag = { branch: 0x01, leaf: 0x02, meta: 0x08, leaf2: 0x20 };
const nodeFlag = { bigData: 0x01, subData: 0x02 };
const magic = 0xbeefc0de;
const dataVersion = 2;
/** Within a meta page, from its header on. */
const metaAt = {
  magic: 0,
  version: 4,
  pageSize: 24,
  freeRoot: 64,
  mainRoot: 112,
  lastPage: 120,
  transaction: 128,
};
const metaBytes = headerBytes + 144;
const rootInDb = 40;
const noPage = 0xffff_ffff_ffff_ffffn;

/**
 * Throws `code` where the file of an LMDB environment cannot be one that LMDB left behind: it maps the file, and where
 * the file ends before its last page, the first read behind the end ends the process with SIGBUS. Asked before an
 * environment is opened; a folder without a file is a new environment.
 */
export function refuseDamagedFile(folder: string, code: string): void {
  const path = join(folder, 'data.mdb');
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw thrown;
  }
  try {
    const damage = damageOf(file, fstatSync(file).size);
    if (damage !== undefined) {
      throw new RapportError(
        code,
        'unavailable',
        `${path}: ${damage}. Put the data folder back from a backup; without one, move this folder away to start empty. The file was left as it is`,
      );
    }
  } finally {
    closeSync(file);
  }
}

function damageOf(file: number, size: number): string | undefined {
  if (size === 0) return 'expected an LMDB file; got an empty one';
  const first = metaOf(file, 0);
  if (typeof first === 'string') return first;
  const second = metaOf(file, first.pageSize);
  if (typeof second === 'string') return second;
  const newest = second.transaction > first.transaction ? second : first;
  const { pageSize, lastPage } = newest;
  const wanted = (Number(lastPage) + 1) * pageSize;
  // Pages at the end that were given back before they were written need not be there; then all that is in use must be.
  if (size >= wanted || isWhole(file, Math.floor(size / pageSize), newest)) return undefined;
  return `expected ${wanted} bytes, as its meta page says; got ${size}: it was cut short (a copy that did not end, a full disk, a damaged file system)`;
}

interface Meta {
  readonly pageSize: number;
  readonly roots: readonly bigint[];
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

function metaOf(file: number, at: number): Meta | string {
  const bytes = Buffer.alloc(metaBytes);
  const got = readSync(file, bytes, 0, metaBytes, at);
  if (got < metaBytes) return `expected a meta page at byte ${at}; the file ends at byte ${at + got}`;
  const meta = bytes.subarray(headerBytes);
  if ((bytes.readUInt16LE(flagsAt) & flag.meta) === 0 || meta.readUInt32LE(metaAt.magic) !== magic)
    return `expected an LMDB file; got something else (no meta page at byte ${at})`;
  const version = meta.readUInt32LE(metaAt.version) & 0xffff;
  if (version !== dataVersion) return `expected LMDB's format ${dataVersion}; got ${version}`;
  const pageSize = meta.readUInt32LE(metaAt.pageSize);
  if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0)
    return `expected a page size from 512 to 65536 in its meta page; got ${pageSize}`;
  return {
    pageSize,
    roots: [meta.readBigUInt64LE(metaAt.freeRoot), meta.readBigUInt64LE(metaAt.mainRoot)],
    lastPage: meta.readBigUInt64LE(metaAt.lastPage),
    transaction: meta.readBigUInt64LE(metaAt.transaction),
  };
}

/** Whether every page that the trees of a snapshot point at lies within the file. */
function isWhole(file: number, pages: number, meta: Meta): boolean {
  try {
    return holdsTrees(file, pages, meta);
  } catch (thrown) {
    // What stands in a page points out of it.
    if (thrown instanceof RangeError) return false;
    throw thrown;
  }
}

function holdsTrees(file: number, pages: number, { pageSize, roots }: Meta): boolean {
  const waiting = roots.filter((root) => root !== noPage);
  const page = Buffer.alloc(pageSize);
  for (let visited = 0; ; visited++) {
    const number = waiting.pop();
    if (number === undefined) return true;
    if (number >= pages || visited > pages) return false;
    readSync(file, page, 0, pageSize, Number(number) * pageSize);
    const flags = page.readUInt16LE(flagsAt);
    if ((flags & (flag.branch | flag.leaf)) === 0) return false;
    if ((flags & flag.leaf2) !== 0) continue;
    const count = page.readUInt16LE(lowerAt) >> 1;
    for (let index = 0; index < count; index++) {
      const node = headerBytes + page.readUInt16LE(headerBytes + 2 * index);
      const nodeFlags = page.readUInt16LE(node + 4);
      if ((flags & flag.branch) !== 0) {
        waiting.push(BigInt(page.readUInt32LE(node)) | (BigInt(nodeFlags) << 32n));
        continue;
      }
      const data = node + 8 + page.readUInt16LE(node + 6);
      if ((nodeFlags & nodeFlag.bigData) !== 0) {
        if (page.readBigUInt64LE(data) + page.readBigUInt64LE(data + 16) > pages) return false;
      } else if ((nodeFlags & nodeFlag.subData) !== 0) {
        const root = page.readBigUInt64LE(data + rootInDb);
        if (root !== noPage) waiting.push(root);
      }
    }
  }
}
