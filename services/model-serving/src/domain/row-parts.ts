import type { Tensor, TensorElements } from './datatypes.js';

/** The number of rows that all inputs have; undefined where they differ or have none. */
export function rowsOf(inputs: readonly Tensor[]): number | undefined {
  const rows = inputs[0]?.shape[0];
  return rows !== undefined && inputs.every(({ shape }) => shape[0] === rows) ? rows : undefined;
}

/** What a call weighs: its elements, and for each eight characters of text one more. */
export function elementsOf(inputs: readonly Tensor[]): number {
  let sum = 0;
  for (const { elements } of inputs) {
    sum += elements.length;
    if (!Array.isArray(elements)) continue;
    for (const text of elements as readonly string[]) sum += text.length >> 3;
  }
  return sum;
}

/** Rows `from` up to `to` of each tensor; typed arrays are views. */
export function sliceRows(inputs: readonly Tensor[], from: number, to: number): Tensor[] {
  return inputs.map((tensor) => {
    const width = widthOf(tensor);
    return {
      ...tensor,
      shape: [to - from, ...tensor.shape.slice(1)],
      elements: cut(tensor.elements, from * width, to * width),
    };
  });
}

const widthOf = ({ shape, elements }: Tensor): number =>
  shape[0] === undefined || shape[0] === 0 ? 0 : elements.length / shape[0];

function cut(elements: TensorElements, from: number, to: number): TensorElements {
  if (Array.isArray(elements)) return (elements as readonly string[]).slice(from, to);
  return (elements as Float32Array).subarray(from, to);
}

/** Puts the outputs of parts, which come in order, together again; the parts before the last are given away at once. */
export class RowCollector {
  #outputs: { readonly first: Tensor; readonly elements: TensorElements }[] | undefined;
  #filled = 0;

  constructor(readonly rows: number) {}

  /** Throws where a model did not give as many rows as it got. */
  add(outputs: readonly Tensor[], rows: number): void {
    const wrong = outputs.find(({ shape }) => shape[0] !== rows);
    if (wrong !== undefined)
      throw new Error(
        `the output ${wrong.name} of a row-wise model has the shape [${wrong.shape.join()}] for ${rows} rows`,
      );
    this.#outputs ??= outputs.map((first) => ({ first, elements: room(first, this.rows) }));
    for (const [at, { elements, first }] of this.#outputs.entries()) {
      const part = outputs[at]?.elements ?? [];
      const start = this.#filled * widthOf(first);
      if (Array.isArray(elements)) (elements as string[]).push(...(part as readonly string[]));
      else (elements as Float32Array).set(part as Float32Array, start);
    }
    this.#filled += rows;
  }

  outputs(): readonly Tensor[] {
    return (this.#outputs ?? []).map(({ first, elements }) => ({
      ...first,
      shape: [this.rows, ...first.shape.slice(1)],
      elements,
    }));
  }
}

function room(first: Tensor, rows: number): TensorElements {
  if (Array.isArray(first.elements)) return [];
  const elements = first.elements as Float32Array;
  const Elements = elements.constructor as Float32ArrayConstructor;
  return new Elements(rows * widthOf(first));
}
