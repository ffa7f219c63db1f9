/** A constant of a graph: its type as ONNX numbers it, and its shape. */
export interface GraphConstant {
  readonly name: string;
  readonly elementType: number;
  readonly shape: readonly number[];
  /** The elements of a short list of 64-bit whole numbers (an axis, a shape); absent for anything else. */
  readonly wholes?: readonly number[] | undefined;
}

/** An attribute of a node; what it does not have is absent. */
export interface GraphAttribute {
  readonly whole?: number | undefined;
  readonly text?: string | undefined;
  readonly wholes?: readonly number[] | undefined;
  readonly texts?: readonly string[] | undefined;
  readonly constant?: GraphConstant | undefined;
  /** It holds a graph of its own, as loops and branches do. */
  readonly hasGraph: boolean;
}

export interface GraphNode {
  readonly operator: string;
  /** Empty: ONNX's own operators. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, GraphAttribute>;
}

/** An input or output; -1 is a dimension that may vary. */
export interface GraphValue {
  readonly name: string;
  readonly elementType: number;
  /** Undefined: the model does not say. */
  readonly shape: readonly number[] | undefined;
}

/** What a model computes, as far as one has to know to decide where it may run. */
export interface Graph {
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly constants: readonly GraphConstant[];
  readonly nodes: readonly GraphNode[];
  /** It has functions, sparse constants or training parts, which nothing here looks into. */
  readonly hasMore: boolean;
}
