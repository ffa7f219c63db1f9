import { modelsError } from '../model-serving.errors.js';
import { describeTensor, elementCount, isDatatype, type Datatype, type Tensor } from './datatypes.js';

/** An input or output as the model declares it; -1 is a dimension that may vary. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  /** Empty: the model does not say. */
  readonly shape: readonly number[];
}

/** What a model declares to take and to give. */
export interface Declaration {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** What a model takes and gives. */
export interface Signature extends Declaration {
  /** It was tried without rows, a first dimension of 0, and gave an answer. */
  readonly takesNoRows: boolean;
}

/** An input as it is announced, before its elements are read. */
export interface AnnouncedInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly (number | bigint)[];
}

/** The most elements of one tensor: what 64 MiB, the largest message, can hold of one-byte elements. */
const maxElements = 64 << 20;
/** The most texts of one tensor: each is an object of its own, made one by one. */
const maxTexts = 1 << 18;

const listed = (specs: readonly TensorSpec[]): string =>
  specs.map((spec) => `${spec.name} ${describeTensor(spec.datatype, spec.shape)}`).join(', ');

/** Checks that exactly the model's inputs came, each with its datatype and a shape that fits; answers their shapes as numbers. */
export function checkInputs(
  signature: Signature,
  inputs: readonly AnnouncedInput[],
): readonly { readonly name: string; readonly datatype: Datatype; readonly shape: readonly number[] }[] {
  const seen = new Set<string>();
  const checked = inputs.map((input) => {
    const spec = signature.inputs.find(({ name }) => name === input.name);
    if (spec === undefined || seen.has(input.name)) {
      throw modelsError(
        'MODELS_INPUT_INVALID',
        `expected the inputs ${listed(signature.inputs)}, each once; got ${seen.has(input.name) ? 'twice' : 'also'} ${JSON.stringify(input.name)}`,
      );
    }
    seen.add(input.name);
    return { name: input.name, datatype: spec.datatype, shape: checkOne(spec, input) };
  });
  const missing = signature.inputs.filter(({ name }) => !seen.has(name));
  if (missing.length > 0) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `expected the inputs ${listed(signature.inputs)}; ${listed(missing)} did not come`,
    );
  }
  checkEmptiness(signature, checked);
  return checked;
}

/**
 * A size of 0 is what native code is least tried with: some operators end the process over it. It is taken where the
 * model was tried so: as the number of rows of all inputs at once.
 */
function checkEmptiness(
  signature: Signature,
  inputs: readonly {
    readonly name: string;
    readonly datatype: Datatype;
    readonly shape: readonly number[];
  }[],
): void {
  const declared = new Map(signature.inputs.map((spec) => [spec.name, spec]));
  const isFree = (name: string, axis: number): boolean => (declared.get(name)?.shape[axis] ?? -1) === -1;
  const isEmpty = ({ name, shape }: (typeof inputs)[number], axis: number): boolean =>
    shape[axis] === 0 && isFree(name, axis);
  const empty = inputs.find((input) => input.shape.some((_, axis) => isEmpty(input, axis)));
  if (empty === undefined) return;
  const isWithoutRows = inputs.every(
    (input) =>
      (declared.get(input.name)?.shape.length ?? 0) > 0 &&
      input.shape.every((_, axis) => isEmpty(input, axis) === (axis === 0 && isFree(input.name, axis))),
  );
  if (signature.takesNoRows && isWithoutRows) return;
  throw modelsError(
    'MODELS_INPUT_INVALID',
    `input ${empty.name}: expected at least 1 in every dimension${signature.takesNoRows ? ', or 0 rows in all inputs' : ', as this model does not answer without rows'}; got ${describeTensor(empty.datatype, empty.shape)}`,
  );
}

function checkOne(spec: TensorSpec, input: AnnouncedInput): number[] {
  const expected = describeTensor(spec.datatype, spec.shape);
  const came = describeTensor(input.datatype, input.shape);
  if (!isDatatype(input.datatype) || input.datatype !== spec.datatype) {
    throw modelsError('MODELS_INPUT_INVALID', `input ${spec.name}: expected ${expected}, got ${came}`);
  }
  const shape = input.shape.map(Number);
  const fits =
    shape.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 0) &&
    (spec.shape.length === 0 ||
      (spec.shape.length === shape.length &&
        spec.shape.every((dimension, axis) => dimension === -1 || dimension === shape[axis])));
  if (!fits) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `input ${spec.name}: expected ${expected} (-1 may be any size), got ${came}`,
    );
  }
  const most = spec.datatype === 'BYTES' ? maxTexts : maxElements;
  if (elementCount(shape) > most) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `input ${spec.name}: expected at most ${most} elements, got ${came}`,
    );
  }
  return shape;
}

/** The outputs that a request asks for, in its order; all when it names none. */
export function chooseOutputs(signature: Declaration, requested: readonly string[]): readonly TensorSpec[] {
  if (requested.length === 0) return signature.outputs;
  const twice = requested.find((name, at) => requested.indexOf(name) !== at);
  if (twice !== undefined)
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `expected outputs among ${listed(signature.outputs)}, each once; got twice ${JSON.stringify(twice)}`,
    );
  return requested.map((name) => {
    const spec = signature.outputs.find((output) => output.name === name);
    if (spec === undefined) {
      throw modelsError(
        'MODELS_INPUT_INVALID',
        `expected outputs among ${listed(signature.outputs)}; got ${JSON.stringify(name)}`,
      );
    }
    return spec;
  });
}

/** The outputs asked for out of what the model gave, in the order asked. */
export function pickOutputs(outputs: readonly Tensor[], chosen: readonly TensorSpec[]): readonly Tensor[] {
  return chosen.map(({ name }) => {
    const tensor = outputs.find((output) => output.name === name);
    if (tensor === undefined) throw new Error(`the model declared an output ${name} and did not give it`);
    return tensor;
  });
}

/** Request parameters that Triton gives a meaning to which does not exist here; a client that sends one must not be misled. */
const reservedParameters = new Set(['sequence_id', 'sequence_start', 'sequence_end', 'priority', 'timeout']);

/** Refuses parameters that would change how a request is run, here as nothing would act on them. */
export function checkParameters(names: readonly string[]): void {
  const reserved = names.find((name) => reservedParameters.has(name) || name.startsWith('triton_'));
  if (reserved !== undefined) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `parameter ${reserved} is reserved: sequences, priorities and server-side timeouts do not exist here; set a deadline on the call`,
    );
  }
}
