import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { takeTurn } from '@rapport/kernel';
import type { Graph, GraphAttribute, GraphConstant, GraphNode, GraphValue } from '../domain/graph.js';

/** What a model file says before any native code has seen it. */
export interface OnnxFile {
  /** Undefined for a model too large to be looked at node by node. */
  readonly graph: Graph | undefined;
  /** Every path that the file names for external data, each once. */
  readonly locations: readonly string[];
}

/** Beyond it a graph is searched for paths but not kept. */
const maxLookedAtBytes = 64 << 20;
/** Graphs within graphs; what nests deeper was not made by an exporter. */
const maxDepth = 32;
/** Fields between two looks at the time. */
const fieldsPerLook = 2048;
/** Lists of whole numbers that are kept of a constant: axes and shapes, not weights. */
const maxKeptWholes = 16;

type Field = (field: number, bytes: Uint8Array) => void | Promise<void>;
type Scalar = (field: number, wire: WireType, reader: BinaryReader) => boolean;

/** Reads model.onnx without running or trusting it (field numbers of onnx.proto). Throws where it is no protobuf. */
export async function readOnnx(file: Uint8Array): Promise<OnnxFile> {
  // ONNX Runtime would take its own format for what it is; nothing here could look into it.
  if (Buffer.from(file.subarray(4, 8)).toString('latin1') === 'ORTM')
    throw new Error('it is a model in the format of ONNX Runtime; export it as ONNX');
  const reading = new OnnxReading(file.byteLength <= maxLookedAtBytes);
  return await reading.model(file);
}

class OnnxReading {
  readonly #locations = new Set<string>();
  #hasMore = false;
  #fields = 0;

  constructor(readonly keeps: boolean) {}

  async model(file: Uint8Array): Promise<OnnxFile> {
    const graphs: Graph[] = [];
    await this.#message(file, async (field, bytes) => {
      if (field === 7) graphs.push(await this.#graph(bytes, 0));
      else if (field === 20 || field === 25) {
        this.#hasMore = true;
        await this.#more(field, bytes);
      }
    });
    const [graph] = graphs;
    if (graph === undefined) throw new Error('it has no graph');
    // A graph in several parts is one to a protobuf parser.
    const whole = { ...graph, hasMore: this.#hasMore || graphs.length > 1 };
    return { graph: this.keeps ? whole : undefined, locations: [...this.#locations] };
  }

  /** Training parts (20) hold graphs, functions (25) nodes and attributes: searched for paths. */
  async #more(field: number, part: Uint8Array): Promise<void> {
    await this.#message(part, async (inner, bytes) => {
      if (field === 20 && (inner === 1 || inner === 2)) await this.#graph(bytes, 0);
      if (field === 25 && inner === 7) await this.#node(bytes, 0);
      if (field === 25 && inner === 11) await this.#attribute(bytes, 0);
    });
  }

  async #graph(part: Uint8Array, depth: number): Promise<Graph> {
    if (depth > maxDepth) throw new Error(`its graphs are nested deeper than ${maxDepth}`);
    const nodes: GraphNode[] = [];
    const constants: GraphConstant[] = [];
    const inputs: GraphValue[] = [];
    const outputs: GraphValue[] = [];
    await this.#message(part, async (field, bytes) => {
      if (field === 1) this.#keep(nodes, await this.#node(bytes, depth));
      else if (field === 5) this.#keep(constants, await this.#constant(bytes));
      else if (field === 11) this.#keep(inputs, await this.#value(bytes));
      else if (field === 12) this.#keep(outputs, await this.#value(bytes));
      else if (field === 15) await this.#sparse(bytes);
    });
    return { nodes, constants, inputs, outputs, hasMore: false };
  }

  #keep<T>(list: T[], one: T): void {
    if (this.keeps) list.push(one);
  }

  async #node(part: Uint8Array, depth: number): Promise<GraphNode> {
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributes = new Map<string, GraphAttribute>();
    let operator = '';
    let domain = '';
    await this.#message(part, async (field, bytes) => {
      if (field === 1) inputs.push(textOf(bytes));
      else if (field === 2) outputs.push(textOf(bytes));
      else if (field === 4) operator = textOf(bytes);
      else if (field === 7) domain = textOf(bytes);
      else if (field === 5) {
        const { name, attribute } = await this.#attribute(bytes, depth);
        attributes.set(name, attribute);
      }
    });
    return { operator, domain, inputs, outputs, attributes };
  }

  async #attribute(part: Uint8Array, depth: number): Promise<{ name: string; attribute: GraphAttribute }> {
    let name = '';
    let whole: number | undefined;
    let text: string | undefined;
    let constant: GraphConstant | undefined;
    let hasGraph = false;
    const wholes: number[] = [];
    const texts: string[] = [];
    await this.#message(
      part,
      async (field, bytes) => {
        if (field === 1) name = textOf(bytes);
        else if (field === 4) text = textOf(bytes);
        else if (field === 5) constant = await this.#constant(bytes);
        else if (field === 8) this.#packed(bytes, wholes);
        else if (field === 9) texts.push(textOf(bytes));
        else if (field === 10) await this.#constant(bytes);
        else if (field === 6 || field === 11) {
          hasGraph = true;
          await this.#graph(bytes, depth + 1);
        } else if (field === 22 || field === 23) await this.#sparse(bytes);
      },
      (field, wire, reader) => {
        if (wire !== WireType.Varint || (field !== 3 && field !== 8)) return false;
        const value = Number(reader.int64());
        if (field === 3) whole = value;
        else this.#keep(wholes, value);
        return true;
      },
    );
    return { name, attribute: { whole, text, wholes, texts, constant, hasGraph } };
  }

  async #constant(part: Uint8Array): Promise<GraphConstant> {
    const shape: number[] = [];
    const wholes: number[] = [];
    let elementType = 0;
    let name = '';
    let raw: Uint8Array | undefined;
    await this.#message(
      part,
      async (field, bytes) => {
        if (field === 1) this.#packed(bytes, shape);
        else if (field === 7 && bytes.byteLength <= maxKeptWholes * 10) this.#packed(bytes, wholes);
        else if (field === 8) name = textOf(bytes);
        else if (field === 9) raw = bytes;
        else if (field === 13) await this.#external(bytes);
      },
      (field, wire, reader) => {
        if (wire !== WireType.Varint || (field !== 1 && field !== 2 && field !== 7)) return false;
        const value = Number(reader.int64());
        if (field === 1) shape.push(value);
        else if (field === 2) elementType = value;
        else if (wholes.length < maxKeptWholes) wholes.push(value);
        return true;
      },
    );
    const count = shape.reduce((product, dimension) => product * dimension, 1);
    if (elementType !== 7 || count > maxKeptWholes) return { name, elementType, shape };
    if (raw !== undefined && raw.byteLength === count * 8) {
      const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
      for (let at = 0; at < count; at++) wholes.push(Number(view.getBigInt64(at * 8, true)));
    }
    return { name, elementType, shape, ...(wholes.length === count ? { wholes } : {}) };
  }

  /** One entry of external_data; a key or value that comes twice counts each time. */
  async #external(part: Uint8Array): Promise<void> {
    const keys: string[] = [];
    const values: string[] = [];
    await this.#message(part, (field, bytes) => {
      if (field === 1) keys.push(textOf(bytes));
      else if (field === 2) values.push(textOf(bytes));
    });
    if (keys.includes('location')) for (const value of values) this.#locations.add(value);
  }

  async #sparse(part: Uint8Array): Promise<void> {
    this.#hasMore = true;
    await this.#message(part, async (field, bytes) => {
      if (field === 1 || field === 2) await this.#constant(bytes);
    });
  }

  async #value(part: Uint8Array): Promise<GraphValue> {
    let name = '';
    let elementType = 0;
    let shape: number[] | undefined;
    const tensor = async (bytes: Uint8Array): Promise<void> => {
      await this.#message(
        bytes,
        async (field, inner) => {
          if (field === 2) shape = await this.#dimensions(inner);
        },
        (field, wire, reader) => {
          if (field !== 1 || wire !== WireType.Varint) return false;
          elementType = reader.int32();
          return true;
        },
      );
    };
    await this.#message(part, async (field, bytes) => {
      if (field === 1) name = textOf(bytes);
      else if (field === 2) {
        await this.#message(bytes, async (inner, type) => {
          if (inner === 1) await tensor(type);
        });
      }
    });
    return { name, elementType, shape };
  }

  async #dimensions(part: Uint8Array): Promise<number[]> {
    const shape: number[] = [];
    await this.#message(part, async (field, bytes) => {
      if (field !== 1) return;
      let dimension = -1;
      await this.#message(
        bytes,
        () => undefined,
        (inner, wire, reader) => {
          if (inner !== 1 || wire !== WireType.Varint) return false;
          dimension = Number(reader.int64());
          return true;
        },
      );
      shape.push(dimension);
    });
    return shape;
  }

  #packed(bytes: Uint8Array, into: number[]): void {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) this.#keep(into, Number(reader.int64()));
  }

  /** Each field of a message in turn; the loop of events turns in between. What neither takes is skipped. */
  async #message(part: Uint8Array, onBytes: Field, onScalar: Scalar = () => false): Promise<void> {
    const reader = new BinaryReader(part);
    while (reader.pos < reader.len) {
      const [field, wire] = reader.tag();
      if (wire === WireType.LengthDelimited) {
        const length = reader.uint32();
        const start = reader.pos;
        if (length > reader.len - start) throw new Error('it breaks off');
        reader.pos = start + length;
        const reading = onBytes(field, part.subarray(start, start + length));
        if (reading !== undefined) await reading;
      } else if (!onScalar(field, wire, reader)) reader.skip(wire, field);
      if (++this.#fields % fieldsPerLook === 0) {
        const turn = takeTurn();
        if (turn !== undefined) await turn;
      }
    }
  }
}

const utf8 = new TextDecoder();
const textOf = (bytes: Uint8Array): string => utf8.decode(bytes);
