import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { inferenceProto } from '@rapport/contracts';
import fc from 'fast-check';
import { datatypes, elementBytes, type Datatype } from '../domain/datatypes.js';
import { logisticGolden, ModelFolder, scorerManifest } from '../testing/model-folder.js';
import { apiToken, startServing, type ServingHost } from '../testing/serving-host.js';
import { heavyModel, identityModel, logisticModel, recurrentModel } from '../testing/tiny-onnx.js';

type Request = inferenceProto.ModelInferRequest;
type Contents = inferenceProto.InferTensorContents;

const folder = new ModelFolder();
let host: ServingHost;
let inference: inferenceProto.GRPCInferenceService;

beforeAll(async () => {
  for (const datatype of datatypes)
    folder.put(`echo-${datatype}`, '1', { model: identityModel(datatype, ['rows', 'columns']) });
  const columns = [
    { name: 'orders_count', definition: { kind: 'count', on: { event: 'Order Completed' } }, default: 0 },
    {
      name: 'views_7d',
      definition: { kind: 'count', on: { event: 'Product Viewed' }, window: '7d' },
      default: 0,
    },
  ] as const;
  for (const version of ['1', '2']) {
    const weights = [Number(version), 0.5];
    const model = logisticModel(weights);
    folder.put('propensity', version, {
      model,
      manifest: scorerManifest('propensity', version, model, columns),
      golden: logisticGolden(columns, weights),
    });
  }
  folder.put('heavy', '1', { model: heavyModel(256, 40) });
  folder.put('gru', '1', { model: recurrentModel() });
  folder.put('broken', '1', { model: new Uint8Array([1, 2, 3]) });
  host = await startServing(folder.root);
  inference = host.calls.to<inferenceProto.GRPCInferenceService>(
    inferenceProto.GRPCInferenceServiceDefinition,
  );
});

afterAll(async () => {
  await host.stop();
  folder.remove();
});

const noContents = (): Contents => ({
  boolContents: [],
  intContents: [],
  int64Contents: [],
  uintContents: [],
  uint64Contents: [],
  fp32Contents: [],
  fp64Contents: [],
  bytesContents: [],
});

function request(
  model: string,
  input: {
    name?: string;
    datatype: string;
    shape: readonly number[];
    contents?: Partial<Contents>;
    raw?: Uint8Array;
  },
): Request {
  return {
    modelName: model,
    modelVersion: '',
    id: 'call-7',
    parameters: {},
    inputs: [
      {
        name: input.name ?? 'in',
        datatype: input.datatype,
        shape: input.shape.map(BigInt),
        parameters: {},
        contents: input.contents === undefined ? undefined : { ...noContents(), ...input.contents },
      },
    ],
    outputs: [],
    rawInputContents: input.raw === undefined ? [] : [Buffer.from(input.raw)],
  };
}

/** Values of each datatype with the field that carries them and their raw bytes, written down independently of the service. */
const bigInt = (min: bigint, max: bigint) => fc.bigInt({ min, max });
const kinds: Readonly<
  Record<
    Datatype,
    {
      field: keyof Contents | undefined;
      value: fc.Arbitrary<unknown>;
      write: (view: DataView, at: number, value: never) => void;
    }
  >
> = {
  BOOL: {
    field: 'boolContents',
    value: fc.boolean(),
    write: (view, at, value: boolean) => view.setUint8(at, value ? 1 : 0),
  },
  UINT8: {
    field: 'uintContents',
    value: fc.integer({ min: 0, max: 255 }),
    write: (view, at, value: number) => view.setUint8(at, value),
  },
  UINT16: {
    field: 'uintContents',
    value: fc.integer({ min: 0, max: 65535 }),
    write: (view, at, value: number) => view.setUint16(at, value, true),
  },
  UINT32: {
    field: 'uintContents',
    value: fc.integer({ min: 0, max: 4294967295 }),
    write: (view, at, value: number) => view.setUint32(at, value, true),
  },
  UINT64: {
    field: 'uint64Contents',
    value: bigInt(0n, (1n << 64n) - 1n),
    write: (view, at, value: bigint) => view.setBigUint64(at, value, true),
  },
  INT8: {
    field: 'intContents',
    value: fc.integer({ min: -128, max: 127 }),
    write: (view, at, value: number) => view.setInt8(at, value),
  },
  INT16: {
    field: 'intContents',
    value: fc.integer({ min: -32768, max: 32767 }),
    write: (view, at, value: number) => view.setInt16(at, value, true),
  },
  INT32: {
    field: 'intContents',
    value: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    write: (view, at, value: number) => view.setInt32(at, value, true),
  },
  INT64: {
    field: 'int64Contents',
    value: bigInt(-(1n << 63n), (1n << 63n) - 1n),
    write: (view, at, value: bigint) => view.setBigInt64(at, value, true),
  },
  FP16: {
    field: undefined,
    value: fc.integer({ min: 0, max: 0x7bff }),
    write: (view, at, value: number) => view.setUint16(at, value, true),
  },
  FP32: {
    field: 'fp32Contents',
    value: fc.float({ noNaN: true }),
    write: (view, at, value: number) => view.setFloat32(at, value, true),
  },
  FP64: {
    field: 'fp64Contents',
    value: fc.double({ noNaN: true }),
    write: (view, at, value: number) => view.setFloat64(at, value, true),
  },
  BYTES: {
    field: 'bytesContents',
    value: fc.string({ unit: 'grapheme', maxLength: 12 }),
    write: () => undefined,
  },
};

function rawOf(datatype: Datatype, values: readonly unknown[]): Uint8Array {
  if (datatype === 'BYTES') {
    return Buffer.concat(
      values.flatMap((value) => {
        const bytes = Buffer.from(String(value), 'utf8');
        const length = Buffer.alloc(4);
        length.writeUInt32LE(bytes.byteLength);
        return [length, bytes];
      }),
    );
  }
  const size = elementBytes[datatype];
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  for (const [at, value] of values.entries()) kinds[datatype].write(view, at * size, value as never);
  return bytes;
}

const matrix = (value: fc.Arbitrary<unknown>) =>
  fc
    .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 4 }))
    .chain(([rows, columns]) =>
      fc
        .array(value, { minLength: rows * columns, maxLength: rows * columns })
        .map((values) => ({ shape: [rows, columns], values })),
    );

const http = async (
  path: string,
  init: { body?: string | Uint8Array; headers?: Record<string, string>; token?: string } = {},
) => {
  const response = await fetch(host.running.httpUrl + path, {
    method: init.body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${init.token ?? apiToken}`, ...init.headers },
    ...(init.body === undefined ? {} : { body: init.body }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, bytes };
};
interface JsonAnswer {
  readonly error: string;
  readonly outputs: { readonly name: string; readonly data: unknown }[];
}
const json = <T = JsonAnswer>({ bytes }: { bytes: Buffer }): T => JSON.parse(bytes.toString('utf8')) as T;

describe('every datatype comes back as it went in', () => {
  it.each(datatypes)('%s: raw over gRPC, typed over gRPC, binary and JSON over HTTP', async (datatype) => {
    const { field, value } = kinds[datatype];
    await fc.assert(
      fc.asyncProperty(matrix(value), async ({ shape, values }) => {
        const raw = rawOf(datatype, values);
        const model = `echo-${datatype}`;
        const rawAnswer = await inference.modelInfer(request(model, { datatype, shape, raw }));
        expect(rawAnswer.rawOutputContents.map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual([
          Buffer.from(raw).toString('hex'),
        ]);
        expect(rawAnswer.outputs).toEqual([
          { name: 'out', datatype, shape: shape.map(BigInt), parameters: {}, contents: undefined },
        ]);
        expect(rawAnswer).toMatchObject({ modelName: model, modelVersion: '1', id: 'call-7' });

        if (field !== undefined) {
          const carried =
            datatype === 'BYTES' ? values.map((text) => Buffer.from(String(text), 'utf8')) : values;
          const typed = await inference.modelInfer(
            request(model, { datatype, shape, contents: { [field]: carried } }),
          );
          expect(typed.rawOutputContents).toEqual([]);
          const came = typed.outputs[0]?.contents?.[field] as readonly unknown[];
          expect(
            datatype === 'BYTES'
              ? came.map((bytes) => Buffer.from(bytes as Buffer).toString('utf8'))
              : [...came],
          ).toEqual(values);
        }

        const head = JSON.stringify({
          id: 'h1',
          inputs: [{ name: 'in', datatype, shape, parameters: { binary_data_size: raw.byteLength } }],
          parameters: { binary_data_output: true },
        });
        const binary = await http(`/v2/models/${model}/infer`, {
          body: Buffer.concat([Buffer.from(head), raw]),
          headers: { 'inference-header-content-length': String(Buffer.byteLength(head)) },
        });
        expect(binary.status).toBe(200);
        const length = Number(binary.headers.get('inference-header-content-length'));
        expect(JSON.parse(binary.bytes.subarray(0, length).toString('utf8'))).toEqual({
          id: 'h1',
          model_name: model,
          model_version: '1',
          outputs: [{ name: 'out', datatype, shape, parameters: { binary_data_size: raw.byteLength } }],
        });
        expect(binary.bytes.subarray(length).equals(raw)).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  it.each(datatypes.filter((datatype) => datatype !== 'FP16'))(
    '%s: JSON over HTTP, nested or flat',
    async (datatype) => {
      const { value } = kinds[datatype];
      const exact = value
        .filter((each) => typeof each !== 'bigint' || (each >= -(2n ** 53n) + 1n && each < 2n ** 53n))
        .filter((each) => typeof each !== 'number' || (Number.isFinite(each) && !Object.is(each, -0)));
      const safe =
        datatype === 'UINT64'
          ? fc.bigInt({ min: 0n, max: 2n ** 53n - 1n })
          : datatype === 'INT64'
            ? fc.bigInt({ min: -(2n ** 53n) + 1n, max: 2n ** 53n - 1n })
            : exact;
      await fc.assert(
        fc.asyncProperty(matrix(safe), fc.boolean(), async ({ shape, values }, nested) => {
          const numbers = values.map((each) => (typeof each === 'bigint' ? Number(each) : each));
          const columns = shape[1] ?? 1;
          const data = nested
            ? Array.from({ length: shape[0] ?? 0 }, (_, row) =>
                numbers.slice(row * columns, (row + 1) * columns),
              )
            : numbers;
          const answer = await http(`/v2/models/echo-${datatype}/infer`, {
            body: JSON.stringify({ inputs: [{ name: 'in', datatype, shape, data }] }),
          });
          expect(answer.status).toBe(200);
          expect(json(answer).outputs).toEqual([{ name: 'out', datatype, shape, data: numbers }]);
        }),
        { numRuns: 15 },
      );
    },
  );

  it('writes 64-bit numbers in JSON with all their digits, and does not guess at those that came without', async () => {
    const typed = request('echo-INT64', {
      datatype: 'INT64',
      shape: [1, 1],
      contents: { int64Contents: [9007199254740993n] },
    });
    expect((await inference.modelInfer(typed)).outputs[0]?.contents?.int64Contents).toEqual([
      9007199254740993n,
    ]);
    const head = JSON.stringify({
      inputs: [{ name: 'in', datatype: 'INT64', shape: [1, 1], parameters: { binary_data_size: 8 } }],
    });
    const answer = await http('/v2/models/echo-INT64/infer', {
      body: Buffer.concat([Buffer.from(head), rawOf('INT64', [9007199254740993n])]),
      headers: { 'inference-header-content-length': String(Buffer.byteLength(head)) },
    });
    expect(answer.bytes.toString('utf8')).toContain('"data":[9007199254740993]');
    const lossy = await http('/v2/models/echo-INT64/infer', {
      body: '{"inputs":[{"name":"in","datatype":"INT64","shape":[1,1],"data":[9007199254740993]}]}',
    });
    expect(lossy.status).toBe(400);
    expect(json(lossy).error).toMatch(/JSON is not exact beyond; use the binary extension/);
  });
});

describe('what does not fit is refused with what was expected and what came', () => {
  const fp32 = (over: Partial<Parameters<typeof request>[1]> = {}) =>
    request('echo-FP32', { datatype: 'FP32', shape: [1, 2], contents: { fp32Contents: [1, 2] }, ...over });
  const cases: [string, () => Request, RegExp][] = [
    [
      'another datatype',
      () => fp32({ datatype: 'FP64' }),
      /input in: expected FP32\[-1,-1\], got FP64\[1,2\]/,
    ],
    [
      'a datatype that does not exist',
      () => fp32({ datatype: 'FLOAT' }),
      /expected FP32\[-1,-1\], got FLOAT\[1,2\]/,
    ],
    ['another rank', () => fp32({ shape: [2] }), /expected FP32\[-1,-1\].*got FP32\[2\]/],
    ['a negative dimension', () => fp32({ shape: [-1, 2] }), /got FP32\[-1,2\]/],
    ['a tensor beyond all size', () => fp32({ shape: [2 ** 40, 2 ** 40] }), /at most 67108864 elements/],
    [
      'a fixed dimension otherwise',
      () =>
        request('heavy', {
          datatype: 'FP32',
          shape: [1, 255],
          contents: { fp32Contents: new Array<number>(255).fill(0) },
        }),
      /expected FP32\[1,256\].*got FP32\[1,255\]/,
    ],
    [
      'too few elements',
      () => fp32({ contents: { fp32Contents: [1] } }),
      /expected 2 elements in fp32_contents, got 1/,
    ],
    [
      'no elements at all',
      () => ({ ...fp32(), inputs: fp32().inputs.map((input) => ({ ...input, contents: undefined })) }),
      /expected 2 elements in fp32_contents, got 0/,
    ],
    [
      'elements in another field',
      () => fp32({ contents: { fp64Contents: [1, 2] } }),
      /expected the elements of FP32 in fp32_contents, got some in fp64_contents/,
    ],
    [
      'too few raw bytes',
      () => request('echo-FP32', { datatype: 'FP32', shape: [1, 2], raw: new Uint8Array(7) }),
      /expected 8 bytes \(2 elements of 4\), got 7/,
    ],
    [
      'raw and typed at once',
      () => fp32({ raw: new Uint8Array(8) }),
      /expected raw_input_contents or contents, got both/,
    ],
    [
      'more raw entries than inputs',
      () => ({ ...fp32(), rawInputContents: [Buffer.alloc(8), Buffer.alloc(8)] }),
      /expected one entry in raw_input_contents for each of the 1 inputs.*got 2/,
    ],
    [
      'an input that the model does not have',
      () => fp32({ name: 'x' }),
      /expected the inputs in FP32\[-1,-1\], each once; got also "x"/,
    ],
    ['no input', () => ({ ...fp32(), inputs: [] }), /in FP32\[-1,-1\] did not come/],
    ['an input twice', () => ({ ...fp32(), inputs: [...fp32().inputs, ...fp32().inputs] }), /got twice "in"/],
    [
      'an output that the model does not have',
      () => ({ ...fp32(), outputs: [{ name: 'y', parameters: {} }] }),
      /expected outputs among out FP32\[-1,-1\]; got "y"/,
    ],
    [
      'a reserved parameter',
      () => ({ ...fp32(), parameters: { priority: { int64Param: 1n } } }),
      /parameter priority is reserved/,
    ],
    [
      'typed FP16',
      () => request('echo-FP16', { datatype: 'FP16', shape: [1, 1], contents: { fp32Contents: [1] } }),
      /FP16 has no typed contents; send raw_input_contents/,
    ],
    [
      'a number beyond a small type',
      () => request('echo-INT8', { datatype: 'INT8', shape: [1, 1], contents: { intContents: [128] } }),
      /expected INT8 between -128 and 127, got 128 at 0/,
    ],
    [
      'a BOOL byte that is neither',
      () => request('echo-BOOL', { datatype: 'BOOL', shape: [1, 1], raw: Uint8Array.of(2) }),
      /expected 0 or 1 in each byte of a BOOL, got 2 at 0/,
    ],
    [
      'BYTES that break off',
      () => request('echo-BYTES', { datatype: 'BYTES', shape: [1, 1], raw: Uint8Array.of(5, 0, 0, 0, 65) }),
      /breaks off or goes on at byte 0/,
    ],
    [
      'BYTES that are not UTF-8',
      () =>
        request('echo-BYTES', {
          datatype: 'BYTES',
          shape: [1, 1],
          contents: { bytesContents: [Buffer.from([0xff])] },
        }),
      /is not UTF-8/,
    ],
  ];
  it.each(cases)('%s', async (_title, make, message) => {
    await expect(inference.modelInfer(make())).rejects.toMatchObject({
      code: 'MODELS_INPUT_INVALID',
      status: 'invalid',
      message: expect.stringMatching(message),
    });
  });

  it.each<[string, string, RegExp]>([
    ['no JSON', '{"inputs":', /expected a JSON object with inputs/],
    ['no inputs', '{}', /inputs: /],
    [
      'text for a number',
      '{"inputs":[{"name":"in","datatype":"FP32","shape":[1,1],"data":["1"]}]}',
      /expected a number at 0, got "1"/,
    ],
    [
      'a fraction for a whole number',
      '{"inputs":[{"name":"in","datatype":"INT8","shape":[1,1],"data":[1.5]}]}',
      /expected INT8|expected FP32/,
    ],
    [
      'too few elements',
      '{"inputs":[{"name":"in","datatype":"FP32","shape":[2,1],"data":[1]}]}',
      /expected 2 elements in data for the shape \[2,1\], got 1/,
    ],
    [
      'binary announced and not sent',
      '{"inputs":[{"name":"in","datatype":"FP32","shape":[1,1],"parameters":{"binary_data_size":4}}]}',
      /expected binary_data_size bytes behind the JSON/,
    ],
    [
      'nesting without end',
      `{"inputs":[{"name":"in","datatype":"FP32","shape":[1,1],"data":${'['.repeat(40)}${']'.repeat(40)}}]}`,
      /nested deeper/,
    ],
  ])('over HTTP: %s', async (_title, body, message) => {
    const answer = await http('/v2/models/echo-FP32/infer', { body });
    expect(answer.status).toBe(400);
    expect(json(answer).error).toMatch(message);
  });
});

describe('models and versions', () => {
  it('uses the newest version unless one is named, and says which', async () => {
    const rows = (version: string): Request => ({
      ...request('propensity', {
        name: 'features',
        datatype: 'FP32',
        shape: [1, 2],
        contents: { fp32Contents: [1, 0] },
      }),
      modelVersion: version,
    });
    expect((await inference.modelInfer(rows(''))).modelVersion).toBe('2');
    const pinned = await inference.modelInfer(rows('1'));
    expect(pinned.modelVersion).toBe('1');
    expect(pinned.outputs[0]?.contents?.fp32Contents[0]).toBeCloseTo(1 / (1 + Math.exp(-1)), 6);
    await expect(inference.modelInfer(rows('9'))).rejects.toMatchObject({ status: 'not_found' });
    await expect(inference.modelInfer({ ...rows(''), modelName: 'nobody' })).rejects.toMatchObject({
      code: 'MODELS_NOT_FOUND',
    });
    await expect(inference.modelInfer({ ...rows(''), modelName: 'broken' })).rejects.toMatchObject({
      code: 'MODELS_NOT_READY',
      status: 'unavailable',
    });
  });

  it('tells metadata, readiness and the repository over gRPC', async () => {
    expect(await inference.serverLive({})).toEqual({ live: true });
    expect(await inference.serverReady({})).toEqual({ ready: true });
    expect(await inference.serverMetadata({})).toMatchObject({
      name: 'rapport',
      extensions: expect.arrayContaining(['model_repository']),
    });
    expect(await inference.modelReady({ name: 'propensity', version: '' })).toEqual({ ready: true });
    expect(await inference.modelReady({ name: 'broken', version: '' })).toEqual({ ready: false });
    expect(await inference.modelReady({ name: 'nobody', version: '' })).toEqual({ ready: false });
    expect(await inference.modelMetadata({ name: 'propensity', version: '' })).toEqual({
      name: 'propensity',
      versions: ['1', '2'],
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'features', datatype: 'FP32', shape: [-1n, 2n] }],
      outputs: [{ name: 'score', datatype: 'FP32', shape: [-1n, 1n] }],
      properties: {},
    });
    const { models } = await inference.repositoryIndex({ repositoryName: '', ready: false });
    expect(models.find(({ name }) => name === 'broken')).toMatchObject({
      state: 'UNAVAILABLE',
      reason: expect.stringMatching(/expected model\.onnx/),
    });
    const ready = await inference.repositoryIndex({ repositoryName: '', ready: true });
    expect(ready.models.some(({ name }) => name === 'broken')).toBe(false);
  });

  it('unloads and loads', async () => {
    await inference.repositoryModelUnload({ repositoryName: '', modelName: 'heavy', parameters: {} });
    expect(await inference.modelReady({ name: 'heavy', version: '' })).toEqual({ ready: false });
    await inference.repositoryModelLoad({ repositoryName: '', modelName: 'heavy', parameters: {} });
    expect(await inference.modelReady({ name: 'heavy', version: '' })).toEqual({ ready: true });
    await expect(
      inference.repositoryModelLoad({ repositoryName: '', modelName: 'broken', parameters: {} }),
    ).rejects.toMatchObject({ code: 'MODELS_LOAD_FAILED' });
    await expect(
      inference.repositoryModelLoad({ repositoryName: '', modelName: 'nobody', parameters: {} }),
    ).rejects.toMatchObject({ status: 'not_found' });
    await expect(
      inference.repositoryModelUnload({ repositoryName: '', modelName: 'nobody', parameters: {} }),
    ).rejects.toMatchObject({ status: 'not_found' });
  });

  it('tells the same over HTTP', async () => {
    expect((await http('/v2/health/live', { token: '' })).status).toBe(200);
    expect((await http('/v2/health/ready', { token: '' })).status).toBe(200);
    expect(json(await http('/v2'))).toMatchObject({ name: 'rapport' });
    expect(json(await http('/v2/models/propensity/versions/1'))).toMatchObject({
      versions: ['1', '2'],
      inputs: [{ shape: [-1, 2] }],
    });
    expect((await http('/v2/models/propensity/ready')).status).toBe(200);
    expect((await http('/v2/models/broken/ready')).status).toBe(503);
    expect((await http('/v2/models/nobody')).status).toBe(404);
    expect(
      json<{ state: string }[]>(await http('/v2/repository/index', { body: '{"ready":true}' })).every(
        ({ state }) => state === 'READY',
      ),
    ).toBe(true);
    expect((await http('/v2/repository/models/heavy/unload', { body: '{}' })).status).toBe(200);
    expect((await http('/v2/models/heavy/infer', { body: '{"inputs":[]}' })).status).toBe(503);
    expect((await http('/v2/repository/models/heavy/load', { body: '' })).status).toBe(200);
    const stranger = await http('/v2/models/propensity', { token: 'wrong' });
    expect(stranger.status).toBe(401);
    expect(json(stranger).error).toMatch(/AUTH_TOKEN_UNKNOWN/);
  });

  it('answers no size of 0 that the model was not seen to answer, over any door', async () => {
    const answers = async (model: string, shape: readonly number[]): Promise<string> => {
      const raw = Buffer.alloc(0);
      const over = [
        inference.modelInfer(request(model, { datatype: 'FP32', shape, raw })).then(
          ({ outputs }) => String(outputs[0]?.shape),
          ({ code }: { code: string }) => code,
        ),
        http(`/v2/models/${model}/infer`, {
          body: JSON.stringify({ inputs: [{ name: 'in', datatype: 'FP32', shape, data: [] }] }),
        }).then((answer) => (answer.status === 200 ? undefined : json(answer).error.split(':')[0])),
      ];
      const [grpc, web] = await Promise.all(over);
      expect(web).toBe(grpc === 'MODELS_INPUT_INVALID' ? grpc : undefined);
      return grpc ?? '';
    };
    expect(await answers('echo-FP32', [0, 4])).toBe('0,4');
    expect(await answers('echo-FP32', [4, 0])).toBe('MODELS_INPUT_INVALID');
    expect(await answers('echo-FP32', [0, 0])).toBe('MODELS_INPUT_INVALID');
    for (const shape of [[0, 4], [4, 0], [0]])
      expect(await answers('gru', shape)).toBe('MODELS_INPUT_INVALID');
    const left = await inference.modelInfer(
      request('gru', { datatype: 'FP32', shape: [1, 4], raw: new Uint8Array(16) }),
    );
    expect(left.outputs[0]?.shape).toEqual([1n, 1n, 3n]);
  });

  it('tells that JSON beyond 2 MiB goes as bytes, and takes the same as bytes', async () => {
    const count = 600_000;
    const text = JSON.stringify({
      inputs: [{ name: 'in', datatype: 'FP32', shape: [1, count], data: new Array<number>(count).fill(1.5) }],
    });
    for (const [body, headers] of [
      [text, {}],
      [gzipSync(text), { 'content-encoding': 'gzip' }],
    ] as const) {
      const refused = await http('/v2/models/echo-FP32/infer', { body, headers });
      expect(refused.status).toBe(413);
      expect(json(refused).error).toMatch(
        /^MODELS_TOO_LARGE: expected a body of at most 2097152 bytes of JSON; larger/,
      );
    }
    const raw = Buffer.from(new Float32Array(count).fill(1.5).buffer);
    const head = JSON.stringify({
      inputs: [
        { name: 'in', datatype: 'FP32', shape: [1, count], parameters: { binary_data_size: raw.byteLength } },
      ],
    });
    const taken = await http('/v2/models/echo-FP32/infer', {
      body: gzipSync(Buffer.concat([Buffer.from(head), raw])),
      headers: {
        'content-encoding': 'gzip',
        'inference-header-content-length': String(Buffer.byteLength(head)),
      },
    });
    expect(taken.status).toBe(200);
    expect(json(taken).outputs[0]?.data).toEqual(new Array(count).fill(1.5));
  });

  it('takes compressed bodies, and refuses one that is not what it says', async () => {
    const body = JSON.stringify({ inputs: [{ name: 'in', datatype: 'FP32', shape: [1, 1], data: [1.5] }] });
    const zipped = await http('/v2/models/echo-FP32/infer', {
      body: gzipSync(body),
      headers: { 'content-encoding': 'gzip' },
    });
    expect(json(zipped).outputs[0]?.data).toEqual([1.5]);
    expect(
      (await http('/v2/models/echo-FP32/infer', { body, headers: { 'content-encoding': 'gzip' } })).status,
    ).toBe(400);
  });
});
