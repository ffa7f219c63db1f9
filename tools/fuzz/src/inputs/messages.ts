import fc from 'fast-check';
import protobuf from 'protobufjs';
import { event, instantText } from './events.js';
import { anyJson, anyNumber, Literal, manyOf, nested, type Json } from './json.js';
import { anyText, emailText, idText } from './texts.js';

/** A message as protobufjs makes it `fromObject`. */
export type Fields = Readonly<Record<string, unknown>>;

/** JSON as google.protobuf.Value; numbers that JSON does not have too. */
function valueOf(json: Json): Fields {
  if (json === null) return { nullValue: 0 };
  if (json instanceof Literal) return { numberValue: Number(json.text) };
  if (Array.isArray(json)) return { listValue: { values: json.map(valueOf) } };
  switch (typeof json) {
    case 'string':
      return { stringValue: json };
    case 'number':
      return { numberValue: json };
    case 'boolean':
      return { boolValue: json };
    default:
      return { structValue: structOf(json as Readonly<Record<string, Json>>) };
  }
}

export function structOf(json: Readonly<Record<string, Json>>): Fields {
  return { fields: Object.fromEntries(Object.entries(json).map(([key, value]) => [key, valueOf(value)])) };
}

/** Deeper than JSON may be at the door, at and around its limit and far beyond. */
const deepStruct: fc.Arbitrary<Fields> = fc
  .tuple(fc.constantFrom(30, 31, 32, 33, 34, 64, 100, 101, 300, 600), fc.boolean())
  .map(([levels, ofArrays]) => structOf({ a: nested(levels, ofArrays, 1) }));

const oddNumber = fc.oneof(anyNumber, fc.constantFrom(NaN, Infinity, -Infinity));

const struct: fc.Arbitrary<Fields> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc
      .dictionary(anyText, anyJson, { maxKeys: 4 })
      .map((fields) => structOf(fields as Readonly<Record<string, Json>>)),
  },
  { weight: 2, arbitrary: deepStruct },
  { weight: 1, arbitrary: oddNumber.map((value) => ({ fields: { revenue: { numberValue: value } } })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Fields>({ fields: { a: {} } }, { fields: { a: { listValue: {} } } }),
  },
);

const person = fc
  .tuple(fc.constantFrom('user_id', 'anonymous_id', 'email', ''), fc.oneof(idText, emailText))
  .map(([type, value]) => `${type}:${value}`);
const outsider = fc.integer({ min: 0, max: 9 }).map((n) => `crm_id:outsider${n}`);
const model = fc.oneof({ weight: 4, arbitrary: fc.constantFrom('propensity', 'no-such', '1') }, anyText);

/** What takes something away: only of people and models that nothing else needs. */
const takes = /(Erase|Forget|Split|Unlink|Unload|SetRollout|RepositoryModelLoad|LoadModel)/;

function textOf(field: string, method: string): fc.Arbitrary<string> {
  if (takes.test(method))
    return /person|from|to/.test(field) ? outsider : fc.constantFrom('outsider', '', '9');
  if (/^(person|persons|from|to)$/.test(field)) return fc.oneof(person, instantText.map(String));
  if (/^(model|modelName|model_name|name|version)$/.test(field)) return model;
  if (/cursor|id$|ids$/i.test(field))
    return fc.oneof(anyText, fc.constantFrom('0-0', '3-999999999999', 'p_0', '-1--1'));
  if (/placement|segment|journey|tactic|candidates|category/.test(field))
    return fc.oneof(
      fc.constantFrom('home_hero', 'cart_left', 'cart_abandoned', 'cart_reminder', 'x'),
      anyText,
    );
  return anyText;
}

const wholes: Readonly<Record<string, readonly (number | string)[]>> = {
  uint32: [0, 1, 100, 1_000, 1_001, 2 ** 31, 2 ** 32 - 1],
  int32: [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)],
  uint64: [0, 1, 2 ** 53 - 1, '18446744073709551615'],
  int64: [0, 1, -1, 3, 2 ** 31, 2 ** 53 - 1, '9223372036854775807', '-9223372036854775808'],
};

function scalarOf(type: string, field: string, method: string): fc.Arbitrary<unknown> {
  switch (type) {
    case 'string':
      return textOf(field, method);
    case 'bytes':
      return fc.uint8Array({ maxLength: 64 });
    case 'bool':
      return fc.boolean();
    case 'double':
    case 'float':
      return oddNumber;
    default:
      return fc.oneof(fc.constantFrom(...(wholes[type] ?? [0, 1])), fc.integer({ min: 0, max: 3 }));
  }
}

/** Any message of a type, to a depth; lists now and then of very many. */
export function messageOf(type: protobuf.Type, method: string, depth = 4): fc.Arbitrary<Fields> {
  if (type.fullName === '.google.protobuf.Struct') return struct;
  if (type.fullName === '.google.protobuf.Value') return anyJson.map(valueOf);
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of type.fieldsArray) {
    const { resolvedType } = field;
    if (resolvedType instanceof protobuf.Type && depth === 0) continue;
    const one =
      resolvedType instanceof protobuf.Type
        ? messageOf(resolvedType, method, depth - 1)
        : scalarOf(resolvedType === null ? field.type : 'int32', field.name, method);
    if (field instanceof protobuf.MapField) fields[field.name] = fc.dictionary(anyText, one, { maxKeys: 4 });
    else if (field.repeated) {
      fields[field.name] = fc.oneof(
        { weight: 12, arbitrary: fc.array(one, { maxLength: 4 }) },
        {
          weight: 1,
          arbitrary: fc
            .tuple(one, fc.constantFrom(101, 1_001, 2_501, 10_001))
            .map(([element, count]) => manyOf(element, count)),
        },
      );
    } else fields[field.name] = one;
  }
  return fc.record(fields, { requiredKeys: [] });
}

const textFields = [
  'type',
  'messageId',
  'userId',
  'anonymousId',
  'event',
  'name',
  'category',
  'groupId',
  'previousId',
  'timestamp',
];
const objectFields = ['properties', 'traits', 'context'];

/** An event of the front door as a message: what is no text or object is left out, for the contract has no place for it. */
export const eventMessage: fc.Arbitrary<Fields> = fc
  .tuple(event, fc.option(struct, { freq: 8 }))
  .map(([given, other]) => {
    const fields: Record<string, unknown> = {};
    for (const name of textFields) if (typeof given[name] === 'string') fields[name] = given[name];
    for (const name of objectFields) {
      const value = given[name];
      if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Literal))
        fields[name] = structOf(value as Readonly<Record<string, Json>>);
    }
    return other === null ? fields : { ...fields, properties: other };
  });
