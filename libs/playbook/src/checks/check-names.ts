import { parts, type PartName } from '../playbook-files.js';
import { nameKey, nameOf, type DefinitionSet } from './definition-set.js';

/** No two definitions of a kind share a name; the head and the identity rules stand once. */
export function checkNames(set: DefinitionSet): void {
  for (const part of Object.keys(parts) as PartName[]) {
    const first = new Map<string, string>();
    for (const entry of set.entriesOf(part)) {
      const name = parts[part].list ? nameOf(entry) : part;
      if (name === undefined) continue;
      const { line } = entry.source.place(entry.path);
      const before = first.get(name);
      if (before === undefined) first.set(name, `${entry.source.file}:${line}`);
      else {
        const path = parts[part].list ? [nameKey(part)] : [];
        set.tell(
          { entry, value: entry.value },
          path,
          `expected each name once; "${name}" stands at ${before} already. Rename or remove one of them.`,
        );
      }
    }
  }
}

/** Tells the second use of a name within one list. */
export function checkOnce(names: readonly string[], tell: (index: number, name: string) => void): void {
  const seen = new Set<string>();
  names.forEach((name, index) => {
    if (seen.has(name)) tell(index, name);
    seen.add(name);
  });
}
