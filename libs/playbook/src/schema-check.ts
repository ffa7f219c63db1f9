import { readFileSync } from 'node:fs';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { RapportError } from '@rapport/kernel';
import { didYouMean, shown, type Problem } from './problem.js';
import { parts, type Entry, type PartName } from './playbook-files.js';
import type { Path } from './source-file.js';

interface SchemaNode {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly enum?: readonly unknown[];
  readonly [keyword: string]: unknown;
}

/** Checks an entry against its JSON Schema and answers whether it may be used. */
export type SchemaCheck = (entry: Entry, report: (problem: Problem) => void) => boolean;

let compiled: SchemaCheck | undefined;

/** The check against `schema/terms.schema.json`, the file that editors use too; compiled once in a process. */
export function schemaCheck(): SchemaCheck {
  return (compiled ??= createSchemaCheck());
}

function createSchemaCheck(): SchemaCheck {
  const terms = JSON.parse(readFileSync(new URL('../schema/terms.schema.json', import.meta.url), 'utf8')) as {
    $id: string;
  };
  const ajv = new Ajv({
    allErrors: true,
    verbose: true,
    strictTypes: false,
    allowUnionTypes: true,
    keywords: ['x-expected', 'x-one-key'],
    // The file is ours and a test judges it; at every start that would take a tenth of a second.
    validateSchema: false,
  });
  ajv.addSchema(terms);
  const validators = new Map<PartName, ValidateFunction>();
  for (const name of Object.keys(parts) as PartName[]) {
    const validate = ajv.getSchema(`${terms.$id}#/definitions/${parts[name].definition}`);
    if (validate === undefined)
      throw new RapportError(
        'PLAYBOOK_SCHEMA_MISSING',
        'internal',
        `terms.schema.json has no ${parts[name].definition}`,
      );
    validators.set(name, validate);
  }
  return (entry, report) => {
    const validate = validators.get(entry.part);
    if (validate === undefined || validate(entry.value) === true) return true;
    for (const error of validate.errors ?? []) {
      const problem = problemOf(entry, error);
      if (problem !== undefined) report(problem);
    }
    return false;
  };
}

function problemOf(entry: Entry, error: ErrorObject): Problem | undefined {
  const inner = pathOf(error.instancePath, entry.value);
  const path: Path = [...entry.path, ...inner];
  const what = inner.length === 0 ? wordFor(entry.part) : describe(inner);
  const schema = (error.parentSchema ?? {}) as SchemaNode;
  const params = error.params as Readonly<Record<string, unknown>>;
  const problem = (place: { line: number; column: number }, message: string): Problem => ({
    severity: 'error',
    file: entry.source.file,
    ...place,
    message,
  });
  const here = entry.source.place(path);
  const came = shown(error.data);
  switch (error.keyword) {
    case 'additionalProperties': {
      const key = String(params['additionalProperty']);
      const known = Object.keys(schema.properties ?? {});
      return problem(
        entry.source.keyPlace(path, key),
        `${what}: unknown key "${key}".${didYouMean(key, known)}`,
      );
    }
    case 'required':
      return problem(
        here,
        `${what}: expected the key "${String(params['missingProperty'])}"; it is missing. Add it.`,
      );
    case 'type':
      return problem(here, `${what}: expected ${typeWord(params['type'])}; came ${came}`);
    case 'enum':
      return problem(
        here,
        `${what}: expected one of ${(schema.enum ?? []).join(', ')}; came ${came}.${didYouMean(String(error.data), (schema.enum ?? []).map(String))}`,
      );
    case 'pattern':
      return problem(
        here,
        `${what}: expected ${typeof schema['x-expected'] === 'string' ? schema['x-expected'] : `text like ${String(params['pattern'])}`}; came ${came}`,
      );
    case 'minProperties':
    case 'maxProperties': {
      const known = Object.keys(schema.properties ?? {});
      // An unknown key is told on its own line already.
      if (
        isMapOf(error.data) &&
        Object.keys(error.data).some((key) => known.length > 0 && !known.includes(key))
      )
        return undefined;
      const count =
        schema['x-one-key'] === true
          ? 'exactly one key'
          : error.keyword === 'minProperties'
            ? 'at least one key'
            : 'fewer keys';
      return problem(
        here,
        `${what}: expected ${count}${known.length > 0 ? ` of ${known.join(', ')}` : ''}; came ${came}`,
      );
    }
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return problem(
        here,
        `${what}: expected a number ${comparisonWords[error.keyword]} ${String(params['limit'])}; came ${came}`,
      );
    case 'minItems':
    case 'maxItems':
      return problem(
        here,
        `${what}: expected a list of ${error.keyword === 'minItems' ? 'at least' : 'at most'} ${String(params['limit'])}; came ${came}`,
      );
    case 'minLength':
      return problem(here, `${what}: expected some text; came an empty one`);
    case 'maxLength':
      return problem(
        here,
        `${what}: expected at most ${String(params['limit'])} characters; came ${String(error.data).length}`,
      );
    default:
      return problem(here, `${what}: ${error.message ?? error.keyword}; came ${came}`);
  }
}

const comparisonWords: Readonly<Record<string, string>> = {
  minimum: 'of at least',
  maximum: 'of at most',
  exclusiveMinimum: 'above',
  exclusiveMaximum: 'below',
};

const typeWords: Readonly<Record<string, string>> = {
  object: 'a map',
  array: 'a list',
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
};

function typeWord(type: unknown): string {
  const types = Array.isArray(type) ? type : String(type).split(',');
  return types.map((each) => typeWords[String(each)] ?? String(each)).join(' or ');
}

const partWords: Readonly<Record<PartName, string>> = {
  playbook: 'playbook',
  identity: 'identity rules',
  segments: 'segment',
  traits: 'computed trait',
  tactics: 'tactic',
  journeys: 'journey',
  placements: 'placement',
  channels: 'channel',
  'tracking-plan': 'tracking-plan event',
};

function wordFor(part: PartName): string {
  return partWords[part];
}

/** `variants[0].weight`. */
export function describe(path: Path): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`),
    '',
  );
}

/** A JSON pointer of ajv as a path; a step is an index where the value there is a list. */
function pathOf(pointer: string, root: unknown): Path {
  const path: (string | number)[] = [];
  let value = root;
  for (const raw of pointer.split('/').slice(1)) {
    const step = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(value) ? Number(step) : step);
    value = Array.isArray(value)
      ? (value as unknown[])[Number(step)]
      : isMapOf(value)
        ? value[step]
        : undefined;
  }
  return path;
}

function isMapOf(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
