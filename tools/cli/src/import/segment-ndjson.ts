import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ImportEvent, ImportFormat, ImportUnit } from './import-format.js';
import { chunksOf, digestOf } from './read-lines.js';

/** One Segment event as JSON on each line, also gzipped. An event without a messageId gets one from the file's digest and the line. */
export const segmentNdjson: ImportFormat = {
  name: 'segment-ndjson',
  async open(path) {
    const digest = await digestOf(path);
    let lines = 0;
    for await (const text of linesOf(path)) if (text.trim() !== '') lines++;
    return { scan: { digest, lines }, units: () => readUnits(path, digest) };
  },
};

async function* readUnits(path: string, digest: string): AsyncIterable<ImportUnit> {
  let line = 0;
  for await (const text of linesOf(path)) {
    line++;
    if (text.trim() === '') continue;
    const event = readEvent(text, `segment-ndjson:${digest.slice(0, 16)}:${line}`);
    if (typeof event === 'string') yield { kind: 'refused', reason: event, lines: 1, firstLine: line };
    else yield { kind: 'event', event, name: nameOf(event), lines: 1, firstLine: line };
  }
}

function readEvent(text: string, messageId: string): ImportEvent | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'JSON, but not an object';
  const event = value as Readonly<Record<string, unknown>>;
  if (typeof event['type'] !== 'string') return 'no type (identify, track, page, screen, group, alias)';
  const own = event['messageId'];
  return {
    ...event,
    type: event['type'],
    messageId: typeof own === 'string' && own !== '' ? own : messageId,
  };
}

function nameOf(event: ImportEvent): string {
  return event.type === 'track' && typeof event['event'] === 'string' ? event['event'] : event.type;
}

async function* linesOf(path: string): AsyncIterable<string> {
  const source = Readable.from(chunksOf(path), { objectMode: false });
  const lines = createInterface({ input: source, crlfDelay: Infinity });
  // readline does not hand on what goes wrong in its input.
  let failed: Error | undefined;
  source.on('error', (error) => {
    failed = error;
    lines.close();
  });
  for await (const line of lines) yield line;
  if (failed !== undefined) throw failed;
}
