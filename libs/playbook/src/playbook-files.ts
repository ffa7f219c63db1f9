import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { didYouMean, shown, type Problem } from './problem.js';
import { parseSource, type Path, type SourceFile } from './source-file.js';

/** What a playbook is made of: the file (or folder) and the definition of `schema/terms.schema.json` that its entries follow. */
export const parts = {
  playbook: { definition: 'playbook', list: false },
  identity: { definition: 'identity', list: false },
  segments: { definition: 'segment', list: true },
  traits: { definition: 'computedTrait', list: true },
  tactics: { definition: 'tactic', list: true },
  journeys: { definition: 'journey', list: true },
  placements: { definition: 'placement', list: true },
  channels: { definition: 'channel', list: true },
  'tracking-plan': { definition: 'trackingPlanEvent', list: true },
} as const;

export type PartName = keyof typeof parts;
const partNames = Object.keys(parts) as PartName[];

/** One definition as it stands in a file. */
export interface Entry {
  readonly part: PartName;
  readonly source: SourceFile;
  /** Where in the file the definition begins. */
  readonly path: Path;
  readonly value: unknown;
}

/** Reads every file of a playbook folder: `segments.yaml`, or `segments/*.yaml` each with one definition or a list. */
export async function readEntries(dir: string, report: (problem: Problem) => void): Promise<Entry[]> {
  const told = (file: string, message: string): void =>
    report({ severity: 'error', file, line: 1, column: 1, message });
  let names;
  try {
    names = await readdir(dir, { withFileTypes: true });
  } catch {
    told(
      '.',
      `expected a playbook folder at ${dir}; came nothing that can be read. Set RAPPORT_PLAYBOOK_DIR or create it with a playbook.yaml.`,
    );
    return [];
  }
  const entries: Entry[] = [];
  for (const entry of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const isFolder = entry.isDirectory();
    const stem = isFolder ? entry.name : entry.name.replace(/\.ya?ml$/, '');
    if (entry.name.startsWith('.') || (!isFolder && stem === entry.name)) continue;
    const part = partNames.find((name) => name === stem);
    if (part === undefined) {
      if (!isFolder)
        told(entry.name, `expected a file of a playbook; came ${entry.name}.${didYouMean(stem, partNames)}`);
      continue;
    }
    const files = isFolder
      ? (await readdir(join(dir, entry.name))).filter((name) => /\.ya?ml$/.test(name)).sort()
      : [''];
    for (const inner of files) {
      const file = inner === '' ? entry.name : `${entry.name}/${inner}`;
      entries.push(
        ...entriesOf(part, parseSource(file, await readFile(join(dir, file), 'utf8'), report), report),
      );
    }
  }
  if (
    !entries.some((entry) => entry.part === 'playbook') &&
    !names.some((entry) => /^playbook(\.ya?ml)?$/.test(entry.name))
  ) {
    told(
      'playbook.yaml',
      'expected a file playbook.yaml; came none. Create it with one line, for example: name: shop',
    );
  }
  return entries;
}

function entriesOf(part: PartName, source: SourceFile, report: (problem: Problem) => void): Entry[] {
  const { content } = source;
  if (content === undefined || content === null) return [];
  if (!parts[part].list || (typeof content === 'object' && !Array.isArray(content)))
    return [{ part, source, path: [], value: content }];
  if (Array.isArray(content))
    return content.map((value: unknown, index) => ({ part, source, path: [index], value }));
  report({
    severity: 'error',
    file: source.file,
    line: 1,
    column: 1,
    message: `expected a list of definitions, each beginning with "- name: …"; came ${shown(content)}`,
  });
  return [];
}
