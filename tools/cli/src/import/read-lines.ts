import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { PassThrough, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { RapportError } from '@rapport/kernel';

/** The bytes of a file, unpacked when it is gzip; a damaged archive ends the stream with an error that says so. */
export async function openPlain(path: string): Promise<Readable> {
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  if (!(await isGzip(path))) return file;
  const plain = new PassThrough({ highWaterMark: 1 << 18 });
  pipeline(file, createGunzip(), plain).catch((thrown: Error) => {
    plain.destroy(
      new RapportError(
        'IMPORT_FILE_DAMAGED',
        'invalid',
        `${path}: expected a whole gzip file; ${thrown.message}`,
      ),
    );
  });
  return plain;
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
