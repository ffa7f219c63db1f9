import type { Person } from './person.js';
import { computedTraitsAt } from './view.js';

/** The computed traits that are numbers, by name: what models take. Absent where there is no value. */
export function featuresOf(person: Person, atMs: number): Readonly<Record<string, number>> {
  const features: Record<string, number> = {};
  const computed = computedTraitsAt(person, atMs);
  for (const { name } of person.definitions.traits) {
    const value = computed[name];
    if (typeof value === 'number') features[name] = value;
  }
  return features;
}
