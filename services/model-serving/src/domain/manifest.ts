import type { ComputedTraitDefinition } from '@rapport/playbook';
import type { Declaration, TensorSpec } from './signature.js';

/** One column of a scorer's input. */
export interface FeatureColumn {
  /** The name of a computed trait of the playbook. */
  readonly name: string;
  /** The trait's definition that the model was trained on: the feature's version. */
  readonly definition: FeatureDefinition;
  /** Stands in where a person has no value. */
  readonly default: number;
}

/** What decides a feature's value; title and the like do not. */
export type FeatureDefinition = Pick<ComputedTraitDefinition, 'kind' | 'on' | 'property' | 'window'>;

/** How a model scores people: which features make its input, and which number of its output is the score. */
export interface ScorerDescription {
  readonly inputTensor: string;
  readonly features: readonly FeatureColumn[];
  readonly outputTensor: string;
  /** Column of a two-dimensional output; 0 for one with a single column. */
  readonly outputColumn: number;
}

/** `manifest.json` beside a model. Without one a model is served by the Open Inference Protocol alone, unchecked. */
export interface Manifest {
  readonly format: 'rapport-model/1';
  readonly name: string;
  readonly version: string;
  readonly title?: string | undefined;
  /** SHA-256 of model.onnx, hex. */
  readonly sha256: string;
  readonly scorer?: ScorerDescription | undefined;
  /** What it was trained on, for people: window, rows, label. */
  readonly training?: Readonly<Record<string, unknown>> | undefined;
  readonly metrics?: Readonly<Record<string, number>> | undefined;
}

/** `golden.json`: inputs with the answers that the model gave where it was trained. */
export interface GoldenCases {
  /** Largest difference allowed, absolute; scores carry 32-bit floats. Default 1e-5. */
  readonly tolerance?: number | undefined;
  readonly cases: readonly GoldenCase[];
}

/** A scorer's case names feature values; any model's case gives tensors as in the protocol's JSON. */
export type GoldenCase =
  | { readonly values: Readonly<Record<string, number>>; readonly score: number }
  | { readonly inputs: readonly JsonTensor[]; readonly outputs: readonly JsonTensor[] };

export interface JsonTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: readonly unknown[];
}

/** Kinds of computed traits whose value is a number. */
const numericKinds = new Set(['count', 'sum', 'min', 'max', 'mean', 'unique_count', 'time_since']);

/** A definition with its defaults written out and its keys in one order, so that equal meaning is equal text. */
function canonicalDefinition(definition: FeatureDefinition): string {
  const { type, event, where } = definition.on;
  return JSON.stringify([
    definition.kind,
    type ?? 'track',
    event ?? null,
    (where ?? []).map(({ path, op, value }) => [path, op, value ?? null]),
    definition.property ?? null,
    definition.window ?? null,
  ]);
}

/** What is wrong between the features that a model was trained on and those that the playbook computes; undefined when nothing is. */
export function featureMismatch(
  features: readonly FeatureColumn[],
  served: readonly ComputedTraitDefinition[],
): string | undefined {
  for (const feature of features) {
    const trait = served.find(({ name }) => name === feature.name);
    if (trait === undefined) {
      return `expected a computed trait ${feature.name} in the playbook, which the model takes as a feature; there is none: add it, or retrain without it`;
    }
    if (!numericKinds.has(trait.kind)) {
      return `expected the feature ${feature.name} to be a number; the playbook computes a ${trait.kind}`;
    }
    const trained = canonicalDefinition(feature.definition);
    const now = canonicalDefinition(trait);
    if (trained !== now) {
      return `the feature ${feature.name} was trained as ${trained} and the playbook now computes ${now}: retrain the model, or restore the definition`;
    }
  }
  return undefined;
}

/** What is wrong between a scorer's description and the model's own signature; undefined when nothing is. */
export function signatureMismatch(scorer: ScorerDescription, signature: Declaration): string | undefined {
  const [input] = signature.inputs;
  const width = scorer.features.length;
  if (signature.inputs.length !== 1 || input === undefined || input.name !== scorer.inputTensor) {
    return `expected one input named ${scorer.inputTensor}; the model has ${signature.inputs.map(({ name }) => name).join(', ') || 'none'}`;
  }
  const columns = input.shape.at(-1);
  if (input.datatype !== 'FP32' || input.shape.length !== 2 || (columns !== -1 && columns !== width)) {
    return `expected the input ${input.name} to be FP32[-1,${width}], one column per feature; it is ${input.datatype}[${input.shape.join(',')}]`;
  }
  const output = signature.outputs.find(({ name }) => name === scorer.outputTensor);
  return output === undefined
    ? `expected an output named ${scorer.outputTensor}; the model has ${signature.outputs.map(({ name }) => name).join(', ')}`
    : outputMismatch(output, scorer.outputColumn);
}

function outputMismatch(output: TensorSpec, column: number): string | undefined {
  const columns = output.shape.at(-1);
  const fits =
    (output.datatype === 'FP32' || output.datatype === 'FP64') &&
    output.shape.length <= 2 &&
    (output.shape.length < 2 ? column === 0 : columns === -1 || columns === undefined || column < columns);
  return fits
    ? undefined
    : `expected column ${column} of FP32 or FP64 numbers in the output ${output.name}; it is ${output.datatype}[${output.shape.join(',')}]`;
}
