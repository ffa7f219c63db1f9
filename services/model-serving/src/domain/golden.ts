import type { Tensor } from './datatypes.js';
import { scoresOf, tensorOfRows } from './feature-rows.js';
import { elementsFromJson } from './json-contents.js';
import type { GoldenCase, GoldenCases, JsonTensor, ScorerDescription } from './manifest.js';
import { checkInputs, type Declaration } from './signature.js';

const defaultTolerance = 1e-5;

/** A case ready to run: what goes in, and what is wrong with what comes out. */
export interface Replay {
  readonly inputs: readonly Tensor[];
  readonly difference: (outputs: readonly Tensor[]) => string | undefined;
}

/** Golden cases as runs of the model. Throws MODELS_INPUT_INVALID where a case does not fit the model. */
export function replaysOf(
  golden: GoldenCases,
  signature: Declaration,
  scorer: ScorerDescription | undefined,
): readonly Replay[] {
  const tolerance = golden.tolerance ?? defaultTolerance;
  return golden.cases.map((goldenCase, index) => replayOf(goldenCase, index, signature, scorer, tolerance));
}

function replayOf(
  goldenCase: GoldenCase,
  index: number,
  signature: Declaration,
  scorer: ScorerDescription | undefined,
  tolerance: number,
): Replay {
  if ('values' in goldenCase) {
    if (scorer === undefined)
      throw new Error(`golden case ${index} names features and the manifest has no scorer`);
    return {
      inputs: [tensorOfRows(scorer, [goldenCase.values])],
      difference: (outputs) => {
        const score = scoresOf(scorer, outputs, 1)[0] ?? NaN;
        return Math.abs(score - goldenCase.score) <= tolerance
          ? undefined
          : `golden case ${index}: expected the score ${goldenCase.score} within ${tolerance}, the model gave ${score}`;
      },
    };
  }
  const checked = checkInputs({ ...signature, takesNoRows: true }, goldenCase.inputs);
  const inputs = checked.map((input, at) => ({
    ...input,
    elements: elementsFromJson(input.name, input.datatype, input.shape, goldenCase.inputs[at]?.data),
  }));
  return {
    inputs,
    difference: (outputs) => {
      for (const wanted of goldenCase.outputs) {
        const came = outputs.find(({ name }) => name === wanted.name);
        if (came === undefined || !sameTensor(wanted, came, tolerance)) {
          return `golden case ${index}: the output ${wanted.name} is not the one expected`;
        }
      }
      return undefined;
    },
  };
}

function sameTensor(wanted: JsonTensor, came: Tensor, tolerance: number): boolean {
  if (wanted.datatype !== came.datatype || wanted.shape.join() !== came.shape.join()) return false;
  const elements = elementsFromJson(wanted.name, came.datatype, came.shape, wanted.data);
  for (let at = 0; at < elements.length; at++) {
    const a = elements[at];
    const b = came.elements[at];
    const same = typeof a === 'number' && typeof b === 'number' ? Math.abs(a - b) <= tolerance : a === b;
    if (!same) return false;
  }
  return true;
}
