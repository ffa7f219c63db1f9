import type { DefinitionSet } from './definition-set.js';

const withoutProperty = new Set(['count', 'time_since']);

export function checkTraits(set: DefinitionSet): void {
  for (const trait of set.of('traits')) {
    const { kind, property, window, limit, on } = trait.value;
    if (withoutProperty.has(kind)) {
      if (property !== undefined)
        set.tell(
          trait,
          ['property'],
          `expected no property with kind ${kind}; came "${property}". Leave it out.`,
        );
    } else if (property === undefined) {
      set.tell(
        trait,
        ['kind'],
        `expected a property with kind ${kind}; came none. Add, for example, property: revenue`,
      );
    }
    if (kind === 'time_since' && window !== undefined) {
      set.tell(
        trait,
        ['window'],
        'expected no window with kind time_since, which looks at the newest event alone; came one. Leave it out.',
      );
    }
    if (limit !== undefined && kind !== 'unique_list')
      set.tell(
        trait,
        ['limit'],
        `expected a limit with kind unique_list only; came one with ${kind}. Leave it out.`,
      );
    set.span(trait, ['window'], window);
    set.filter(trait, ['on'], on);
  }
}
