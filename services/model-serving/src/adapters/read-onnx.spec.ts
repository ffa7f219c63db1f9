import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { ModelFolder, scorerManifest } from '../testing/model-folder.js';
import {
  constantModel,
  encodeOnnx,
  logisticModel,
  recurrentModel,
  treesModel,
  type OnnxConstant,
  type OnnxGraph,
  type OnnxNode,
} from '../testing/tiny-onnx.js';
import { FolderModelFiles } from './folder-model-files.js';
import { readOnnx } from './read-onnx.js';

const outside = (location: string): OnnxConstant => ({
  name: 'w',
  shape: [2],
  elements: new Float32Array(2),
  location,
});
const graphOf = (constants: readonly OnnxConstant[], nodes: readonly OnnxNode[] = []): OnnxGraph => ({
  inputs: [],
  outputs: [],
  nodes,
  constants,
});
const nodeWith = (attributes: NonNullable<OnnxNode['attributes']>): OnnxNode => ({
  operator: 'If',
  inputs: [],
  outputs: [],
  attributes,
});

/** A message whose fields are the bytes given. */
function message(...fields: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [field, bytes] of fields) writer.uint32((field << 3) | 2).bytes(bytes);
  return writer.finish();
}

/** What a model of one graph holds between the tags: the graph, a node, an attribute's tensor. */
function inside(model: Uint8Array, ...path: readonly number[]): Uint8Array {
  let found = model;
  for (const wanted of path) {
    const view = new DataView(found.buffer, found.byteOffset, found.byteLength);
    let at = 0;
    const varint = (): number => {
      let value = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = view.getUint8(at++);
        value |= (byte & 127) << shift;
        if (byte < 128) return value;
      }
    };
    for (;;) {
      const tag = varint();
      if ((tag & 7) === 0) varint();
      else {
        const length = varint();
        if (tag >> 3 === wanted) {
          found = found.subarray(at, at + length);
          break;
        }
        at += length;
      }
    }
  }
  return found;
}

describe('paths that a model names', () => {
  const graph = (location: string) => inside(encodeOnnx(graphOf([outside(location)])), 7);
  const tensor = (location: string) => inside(graph(location), 5);
  const node = (location: string) =>
    inside(encodeOnnx(graphOf([], [nodeWith({ value: { constant: outside(location) } })])), 7, 1);

  // Every place of onnx.proto where a TensorProto may be.
  it.each<[string, (location: string) => Uint8Array]>([
    ['a constant', (location) => encodeOnnx(graphOf([outside(location)]))],
    ['an attribute', (location) => message([7, message([1, node(location)])])],
    [
      'a list of an attribute',
      (location) => message([7, message([1, message([5, message([10, tensor(location)])])])]),
    ],
    [
      'a graph within',
      (location) => encodeOnnx(graphOf([], [nodeWith({ body: { graph: graphOf([outside(location)]) } })])),
    ],
    [
      'a list of graphs within',
      (location) => message([7, message([1, message([5, message([11, graph(location)])])])]),
    ],
    ['sparse values', (location) => message([7, message([15, message([1, tensor(location)])])])],
    ['sparse indices', (location) => message([7, message([15, message([2, tensor(location)])])])],
    [
      'a sparse attribute',
      (location) => message([7, message([1, message([5, message([22, message([1, tensor(location)])])])])]),
    ],
    [
      'a list of sparse attributes',
      (location) => message([7, message([1, message([5, message([23, message([2, tensor(location)])])])])]),
    ],
    ['a training part', (location) => message([7, message()], [20, message([2, graph(location)])])],
    ['a function', (location) => message([7, message()], [25, message([7, node(location)])])],
    [
      'an attribute of a function',
      (location) => message([7, message()], [25, message([11, message([5, tensor(location)])])]),
    ],
    ['a second part of the graph', (location) => message([7, message()], [7, graph(location)])],
  ])('are found in %s', async (_title, model) => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), async (location) => {
        expect((await readOnnx(model(location))).locations).toEqual([location]);
      }),
      { numRuns: 10 },
    );
  });

  it('are all found where an entry says several', async () => {
    const text = (value: string): Uint8Array => new TextEncoder().encode(value);
    const entry = message([1, text('offset')], [1, text('location')], [2, text('a')], [2, text('b')]);
    const model = message([7, message([5, message([13, entry])])]);
    expect((await readOnnx(model)).locations).toEqual(['a', 'b']);
  });
});

describe('a file that is no model', () => {
  it('is refused or read, never waited for, whatever was done to it', async () => {
    const models = [
      logisticModel([1, 2]),
      recurrentModel(),
      treesModel(3, 3, 2),
      constantModel(new Float32Array(3), 'w'),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...models),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
        fc.nat(),
        async (model, changes, length) => {
          const file = model.slice(0, 1 + (length % model.length));
          for (const [at, byte] of changes) file[at % file.length] = byte;
          await readOnnx(file).then(
            ({ locations }) => expect(Array.isArray(locations)).toBe(true),
            (thrown: unknown) => expect(thrown).toBeInstanceOf(Error),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is refused when graphs nest without end, and in the format of ONNX Runtime', async () => {
    let model = message();
    for (let depth = 0; depth < 200; depth++) model = message([1, message([5, message([6, model])])]);
    await expect(readOnnx(message([7, model]))).rejects.toThrow(/nested deeper/);
    const own = Buffer.concat([Buffer.from([32, 0, 0, 0]), Buffer.from('ORTM'), Buffer.alloc(32)]);
    await expect(readOnnx(own)).rejects.toThrow(/in the format of ONNX Runtime/);
  });
});

describe('external data', () => {
  let folder: ModelFolder;
  beforeEach(() => void (folder = new ModelFolder()));
  afterEach(() => folder.remove());
  const place = (...parts: string[]): string => join(folder.root, 'm', '1', ...parts);
  const read = () => new FolderModelFiles(folder.root).read('m', '1');

  it.each([
    '/etc/hostname',
    '../2/weights',
    'deep/../../../secret',
    './../secret',
    'a//b',
    '..\\secret',
    'C:weights',
    'file:weights',
    'weights\u0000.bin',
    '',
    '.',
    'not-there',
    'a-folder',
    'link-out',
    'linked/secret',
    '*/_ORT_MEM_ADDR_/*',
  ])('at %j is refused', async (location) => {
    folder.put('m', '1', { model: constantModel(new Float32Array(2), location) });
    folder.write('secret', 'the secret');
    mkdirSync(place('a-folder'));
    symlinkSync(join(folder.root, 'secret'), place('link-out'));
    symlinkSync(folder.root, place('linked'));
    await expect(read()).rejects.toMatchObject({
      code: 'MODELS_VERSION_BROKEN',
      message: expect.stringMatching(/external data of m\/1\/model\.onnx in files within its own folder/),
    });
  });

  it('within the folder is read, also over links that stay in it, and is part of the digest', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('weights.bin', 'deep/er/weights', './weights', 'linked'),
        fc.uint8Array({ minLength: 8, maxLength: 64 }),
        fc.uint8Array({ minLength: 8, maxLength: 64 }),
        async (location, weights, others) => {
          const own = new ModelFolder();
          const model = constantModel(new Float32Array(2), location);
          own.put('m', '1', { model });
          const file = location === 'linked' ? 'there' : location;
          mkdirSync(dirname(join(own.root, 'm/1', file)), { recursive: true });
          writeFileSync(join(own.root, 'm/1', file), weights);
          if (location === 'linked') symlinkSync('there', join(own.root, 'm/1/linked'));
          const files = new FolderModelFiles(own.root);
          const { sha256 } = await files.read('m', '1');
          const hash = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');
          const within = location.replace('./', '');
          const lines = [`${hash(model)}  model.onnx\n`, `${hash(weights)}  ${within}\n`];
          if (within < 'model.onnx') lines.reverse();
          expect(sha256).toBe(hash(lines.join('')));
          writeFileSync(join(own.root, 'm/1', file), others);
          const isSame = Buffer.compare(weights, others) === 0;
          expect((await files.read('m', '1')).sha256 === sha256).toBe(isSame);
          own.remove();
        },
      ),
      { numRuns: 20 },
    );
  });

  it('that is not what the manifest names refuses the version', async () => {
    const model = constantModel(new Float32Array(2), 'weights.bin');
    folder.put('m', '1', { model, manifest: scorerManifest('m', '1', model, []) });
    writeFileSync(place('weights.bin'), new Uint8Array(8));
    await expect(read()).rejects.toThrow(/scorer|SHA-256/);
  });
});
