import { messageOf } from '@rapport/kernel';
import { checkOnce } from './check-names.js';
import type { DefinitionSet } from './definition-set.js';

export function checkIdentity(set: DefinitionSet): void {
  for (const rules of set.of('identity')) {
    const { limits, priorities, blockedPatterns } = rules.value;
    for (const type of Object.keys(limits ?? {})) {
      if (!/^[a-z][a-z0-9_]{0,31}$/.test(type)) {
        set.tell(
          rules,
          ['limits', type],
          `expected an identifier type of lower-case letters, digits and _; came "${type}".`,
        );
      }
    }
    checkOnce(priorities ?? [], (index, type) =>
      set.tell(rules, ['priorities', index], `expected each type once; "${type}" stands twice. Remove one.`),
    );
    blockedPatterns?.forEach((pattern, index) => {
      try {
        new RegExp(pattern, 'u');
      } catch (thrown) {
        set.tell(rules, ['blockedPatterns', index], `expected a regular expression: ${messageOf(thrown)}`);
      }
    });
  }
}
