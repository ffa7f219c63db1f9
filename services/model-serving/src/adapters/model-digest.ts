import { createHash } from 'node:crypto';
import { open, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { modelsError } from '../model-serving.errors.js';

/** Read at a time: hashing it takes about a millisecond, and the event loop turns in between. */
const pieceBytes = 1 << 20;

/** Reads a file once: its bytes and their SHA-256. */
export async function digestOf(
  path: string,
  maxBytes: number,
  place: string,
): Promise<{ bytes: Uint8Array; sha256: string }> {
  // Before it is opened: opening a pipe would wait for its writer.
  if (!(await stat(path)).isFile()) throw modelsError('MODELS_VERSION_BROKEN', `expected a file in ${place}`);
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size > maxBytes)
      throw modelsError(
        'MODELS_VERSION_BROKEN',
        `expected at most ${maxBytes} bytes in ${place}, got ${size}`,
      );
    const bytes = new Uint8Array(size);
    const hash = createHash('sha256');
    let at = 0;
    while (at < size) {
      const { bytesRead } = await file.read(bytes, at, Math.min(pieceBytes, size - at), at);
      if (bytesRead === 0)
        throw modelsError('MODELS_VERSION_BROKEN', `${place} became shorter while it was read`);
      hash.update(bytes.subarray(at, at + bytesRead));
      at += bytesRead;
    }
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

/** A file of external data: where it really is, its path within the version's folder, its SHA-256. */
export interface ExternalFile {
  readonly path: string;
  readonly within: string;
  readonly sha256: string;
}

/**
 * The files that a model names for its external data, sorted by path. A path that is not one within the version's own
 * folder, or that leads out of it over a link, is refused: the runtime would read whatever the process may read.
 */
export async function externalFiles(
  folder: string,
  place: string,
  locations: readonly string[],
): Promise<readonly ExternalFile[]> {
  if (locations.length === 0) return [];
  const root = await realpath(folder);
  const files: ExternalFile[] = [];
  for (const location of [...new Set(locations.map((each) => each.replace(/^(\.\/)+/, '')))].sort()) {
    const refused = (why: string): Error =>
      modelsError(
        'MODELS_VERSION_BROKEN',
        `expected the external data of ${place}/model.onnx in files within its own folder; it names ${JSON.stringify(location)}, which ${why}: export the model with its weights beside it`,
      );
    if (!isWithin(location)) throw refused('is not a path within it');
    const path = await realpath(join(root, location)).catch(() => {
      throw refused('is not there');
    });
    if (!path.startsWith(root + sep)) throw refused('is a link out of it');
    // Before it is opened: opening a pipe would wait for its writer.
    if (!(await stat(path)).isFile()) throw refused('is no file');
    const file = await open(path);
    try {
      const hash = createHash('sha256');
      for await (const piece of file.createReadStream({ highWaterMark: pieceBytes, autoClose: false }))
        hash.update(piece as Buffer);
      files.push({ path, within: relative(root, join(root, location)), sha256: hash.digest('hex') });
    } finally {
      await file.close();
    }
  }
  return files;
}

/** Names between slashes; no root, no drive, nothing that means "here" or "above", nothing that ends a path early. */
function isWithin(location: string): boolean {
  if (location === '' || /[\u0000-\u001f\\:]/.test(location)) return false;
  return location.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** The digest of a version: model.onnx alone, or the lines that `sha256sum` prints for all of its files. */
export function digestOfAll(model: string, external: readonly ExternalFile[]): string {
  if (external.length === 0) return model;
  const all = [{ within: 'model.onnx', sha256: model }, ...external];
  const lines = all
    .sort((a, b) => (a.within < b.within ? -1 : 1))
    .map(({ within, sha256 }) => `${sha256}  ${within}\n`);
  return createHash('sha256').update(lines.join('')).digest('hex');
}
