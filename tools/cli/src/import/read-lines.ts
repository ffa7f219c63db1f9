import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { messageOf, RapportError } from '@rapport/kernel';

/** The bytes of a file, unpacked when it is gzip. Throws IMPORT_FILE_DAMAGED where the archive is not whole. */
export async function* chunksOf(path: string): AsyncIterable<Buffer> {
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  const plain = (await isGzip(path))
    ? pipeline(file, createGunzip({ chunkSize: 1 << 18 }), () => undefined)
    : file;
  try {
    for await (const chunk of plain) yield chunk as Buffer;
  } catch (thrown) {
    throw new RapportError(
      'IMPORT_FILE_DAMAGED',
      'invalid',
      `${path}: expected a file that can be read to its end; ${messageOf(thrown)}`,
    );
  } finally {
    file.destroy();
  }
}

async function isGzip(path: string): Promise<boolean> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}

/** Throws IMPORT_FILE_MISSING unless there is a file that can be read. */
export async function mustBeFile(path: string): Promise<void> {
  try {
    if ((await stat(path)).isFile()) return;
  } catch {
    // told below
  }
  throw new RapportError(
    'IMPORT_FILE_MISSING',
    'not_found',
    `expected a file at ${path}; there is none that can be read`,
  );
}

/** SHA-256 of a file as it lies there. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
