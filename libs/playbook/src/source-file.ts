import {
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node,
} from 'yaml';
import type { Problem } from './problem.js';

/** A place inside a file: keys of maps and indexes of lists. */
export type Path = readonly (string | number)[];

/** One parsed YAML file that can say where a value or a key stands. */
export interface SourceFile {
  /** Relative to the playbook's folder. */
  readonly file: string;
  /** What the file holds, as plain values. */
  readonly content: unknown;
  /** Of the value at a path; where there is none, of the nearest value above it. */
  place(path: Path): { line: number; column: number };
  /** Of a key of the map at a path. */
  keyPlace(path: Path, key: string): { line: number; column: number };
}

/** Reads YAML 1.2; syntax errors and doubled keys become problems, and then `content` is undefined. */
export function parseSource(file: string, text: string, report: (problem: Problem) => void): SourceFile {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const found = Array.isArray(documents) ? documents : [];
  const document = found[0] as Document.Parsed | undefined;
  const placeOf = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  let broken = false;
  const wrong = (offset: number, message: string): void => {
    broken = true;
    report({ severity: 'error', file, ...placeOf(offset), message });
  };
  for (const each of found) {
    for (const error of each.errors) {
      wrong(error.pos[0], `expected valid YAML: ${error.message}${adviceFor(error.code)}`);
    }
  }
  if (found[1] !== undefined)
    wrong(
      found[1].range[0],
      'expected one YAML document in a file; came a second one after ---. Put it into a file of its own.',
    );
  let content: unknown;
  try {
    content = broken ? undefined : (document?.toJS({ maxAliasCount: 100 }) as unknown);
  } catch (thrown) {
    wrong(
      0,
      `expected at most 100 uses of aliases: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    );
  }
  const root: unknown = document?.contents;
  return {
    file,
    content,
    place: (path) => placeOf(nodeAt(root, path)?.range?.[0] ?? 0),
    keyPlace: (path, key) => {
      const map = nodeAt(root, path);
      const pair = isMap(map)
        ? map.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === key)
        : undefined;
      const keyNode: unknown = pair?.key;
      return placeOf((isNode(keyNode) ? keyNode.range?.[0] : undefined) ?? map?.range?.[0] ?? 0);
    },
  };
}

function nodeAt(root: unknown, path: Path): Node | undefined {
  let node = isNode(root) ? root : undefined;
  for (const step of path) {
    const next: unknown = isMap(node) ? node.get(step, true) : isSeq(node) ? node.get(step, true) : undefined;
    if (!isNode(next)) return node;
    node = next;
  }
  return node;
}

function adviceFor(code: string): string {
  if (code === 'DUPLICATE_KEY') return '. Keep one of the two.';
  if (code === 'TAB_AS_INDENT') return '. Indent with spaces.';
  return '';
}
