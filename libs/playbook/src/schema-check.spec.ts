import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { expect, it } from '@jest/globals';

it('the schema of the terms is a JSON Schema', () => {
  const terms = JSON.parse(
    readFileSync(new URL('../schema/terms.schema.json', import.meta.url), 'utf8'),
  ) as object;
  const ajv = new Ajv();
  expect(ajv.validateSchema(terms)).toBe(true);
  expect(ajv.validateSchema({ ...terms, type: 'objekt' })).toBe(false);
});
