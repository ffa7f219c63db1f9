import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { messageOf } from '@rapport/kernel';
import type { DefinitionSet } from './definition-set.js';

export function checkTrackingPlan(set: DefinitionSet): void {
  for (const planned of set.of('tracking-plan')) {
    // Strict, so that a misspelt keyword ("requird") is told and not ignored.
    const ajv = new Ajv({
      allErrors: true,
      strict: true,
      strictTypes: false,
      strictRequired: false,
      allowUnionTypes: true,
    });
    addFormats.default(ajv);
    try {
      ajv.compile(planned.value.properties);
    } catch (thrown) {
      set.tell(
        planned,
        ['properties'],
        `expected a JSON Schema (draft 7) of the properties: ${messageOf(thrown)}`,
      );
    }
  }
}
