import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { methods } from '../inputs/contracts.js';
import { anyJson, anyNumber, mostly, writeJson, type Json } from '../inputs/json.js';
import { datatypes, fuzzedModels, type FuzzedModel } from '../inputs/onnx-models.js';
import { anyText } from '../inputs/texts.js';
import { answerWithinMs, type Door, type Fault, type Target } from './door.js';
import { frameOf, GrpcWire } from './grpc-wire.js';
import { call, isFault, parsed, serverFault } from './http-client.js';

/** One inference request in the terms of the Open Inference Protocol. */
interface Inference {
  readonly form: 'json' | 'binary' | 'grpc' | 'grpc raw';
  readonly model: FuzzedModel;
  readonly name: Json;
  readonly datatype: Json;
  readonly shape: readonly Json[];
  /** How many elements are sent, beside what the shape says. */
  readonly elements: number;
  readonly element: Json;
  readonly bytes: number;
  readonly outputs: Json | undefined;
  readonly parameters: Json | undefined;
  readonly id: Json | undefined;
  readonly version: string | undefined;
  readonly gzip: boolean;
  /** Added to the true length of the JSON part. */
  readonly lengthError: number;
}

const sizes = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom<Json>(1, 2, 3, 4) },
  { weight: 4, arbitrary: fc.constant<Json>(0) },
  { weight: 1, arbitrary: fc.constantFrom<Json>(-1, 0.5, 2 ** 31, 2 ** 53, 1e308, 65_536, '1', null) },
);

const widths: Readonly<Record<string, number>> = {
  INT64: 8,
  UINT64: 8,
  FP64: 8,
  FP32: 4,
  INT32: 4,
  UINT32: 4,
  FP16: 2,
  INT16: 2,
  UINT16: 2,
};

const inference: fc.Arbitrary<Inference> = fc.constantFrom(...fuzzedModels).chain((model) => {
  const shape = fc.oneof(
    {
      weight: 10,
      arbitrary: fc.tuple(
        ...model.shape.map((size) => (typeof size === 'number' ? fc.constant<Json>(size) : sizes)),
      ),
    },
    { weight: 2, arbitrary: fc.array(sizes, { maxLength: 5 }) },
  );
  return shape.chain((chosen) => {
    const count = chosen.reduce<number>(
      (product, size) => product * (typeof size === 'number' ? size : 1),
      1,
    );
    const right = Number.isInteger(count) && count >= 0 && count <= 70_000 ? count : 1;
    const more = fc.oneof({ weight: 10, arbitrary: fc.constant(0) }, fc.constantFrom(1, -1, 7, 1_000));
    return fc.record({
      form: fc.constantFrom<Inference['form']>('json', 'json', 'binary', 'grpc', 'grpc raw'),
      model: fc.constant(model),
      name: mostly(fc.constant<Json>('in')),
      datatype: mostly(
        fc.oneof(
          { weight: 8, arbitrary: fc.constant(model.datatype) },
          fc.constantFrom(...Object.keys(datatypes), 'fp32'),
        ),
      ),
      shape: fc.constant(chosen),
      elements: more.map((extra) => Math.max(0, right + extra)),
      element: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom<Json>(0, 1, 1.5) },
        anyNumber,
        anyText,
        anyJson,
      ),
      bytes: more.map((extra) => Math.max(0, right * (widths[model.datatype] ?? 1) + extra)),
      outputs: fc.oneof<fc.Arbitrary<Json | undefined>[]>(
        fc.constant(undefined),
        fc.constantFrom<Json>(
          [{ name: 'out' }],
          [{ name: 'out', parameters: { binary_data: true } }],
          [{ name: 'none' }],
          [],
        ),
        anyJson,
      ),
      parameters: fc.oneof<fc.Arbitrary<Json | undefined>[]>(
        fc.constant(undefined),
        fc.constantFrom<Json>({ binary_data_output: true }, { priority: 1 }),
        anyJson,
      ),
      id: fc.oneof<fc.Arbitrary<Json | undefined>[]>(fc.constant(undefined), anyText, anyJson),
      version: fc.oneof(
        { weight: 6, arbitrary: fc.constant(undefined) },
        fc.constantFrom('1', '2', '-1', '01', '..'),
      ),
      gzip: fc.boolean(),
      lengthError: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.constantFrom(1, -1, 1_000, -1_000)),
    });
  });
});

const infer = methods.find(({ path }) => path.endsWith('/ModelInfer'));
const wire = new GrpcWire();

/** Inference with shapes, datatypes and lengths that do and do not fit, over HTTP as JSON and with binary tensors, and over gRPC. */
export const modelsDoor: Door<Inference> = {
  name: 'models',
  lanes: 2,
  feedsTheLog: false,
  inputs: inference,
  show: (input) => {
    const { model, element, outputs, parameters, id, ...rest } = input;
    return `${model.name} ${JSON.stringify(rest)} element ${writeJson(element).slice(0, 200)} outputs ${writeJson(outputs ?? null).slice(0, 200)} parameters ${writeJson(parameters ?? null).slice(0, 200)} id ${writeJson(id ?? null).slice(0, 100)}`;
  },
  send: async (input, target) =>
    input.form === 'json' || input.form === 'binary'
      ? await overHttp(input, target)
      : await overGrpc(input, target),
  close: async () => wire.close(),
};

async function overHttp(input: Inference, target: Target): Promise<Fault | undefined> {
  const { model, form, version, gzip } = input;
  const isBinary = form === 'binary';
  const tensor = {
    name: input.name,
    datatype: input.datatype,
    shape: input.shape,
    ...(isBinary
      ? { parameters: { binary_data_size: input.bytes } }
      : { data: Array.from({ length: input.elements }, () => input.element) }),
  };
  const head = Buffer.from(
    writeJson({ inputs: [tensor], outputs: input.outputs, parameters: input.parameters, id: input.id }),
  );
  const body = isBinary ? Buffer.concat([head, Buffer.alloc(Math.min(input.bytes, 1 << 20), 1)]) : head;
  const path = `/v2/models/${model.name}${version === undefined ? '' : `/versions/${version}`}/infer`;
  const answer = await call({
    method: 'POST',
    url: target.httpUrl + path,
    headers: {
      authorization: `Bearer ${target.apiToken}`,
      ...(isBinary
        ? {
            'inference-header-content-length': String(head.length + input.lengthError),
            'content-type': 'application/octet-stream',
          }
        : { 'content-type': 'application/json' }),
      ...(gzip ? { 'content-encoding': 'gzip' } : {}),
    },
    body: gzip ? gzipSync(body) : body,
  });
  const place = `POST /v2/models/{model}/infer ${form}`;
  if (isFault(answer)) return { ...answer, place };
  target.count(`models ${answer.status}`);
  if (isLoading(answer.body)) return undefined;
  const fault = serverFault(`${place} ${model.name}`, answer);
  if (fault !== undefined) return fault;
  const said = parsed(answer.body) as { error?: unknown } | undefined;
  if (answer.status >= 400 && said?.error === undefined)
    return { kind: 'no verdict', place: `${place} ${answer.status}`, text: answer.body.slice(0, 300) };
  return undefined;
}

/** The field of InferTensorContents for each datatype. */
const contentsOf: Readonly<Record<string, string>> = {
  BOOL: 'boolContents',
  INT8: 'intContents',
  INT16: 'intContents',
  INT32: 'intContents',
  INT64: 'int64Contents',
  UINT8: 'uintContents',
  UINT16: 'uintContents',
  UINT32: 'uintContents',
  UINT64: 'uint64Contents',
  FP64: 'fp64Contents',
  BYTES: 'bytesContents',
};

async function overGrpc(input: Inference, target: Target): Promise<Fault | undefined> {
  if (infer === undefined) throw new Error('expected ModelInfer in the contracts');
  const whole = typeof input.element === 'number' && Number.isSafeInteger(input.element) ? input.element : 1;
  const isRaw = input.form === 'grpc raw';
  const elements = Array.from({ length: input.elements }, () =>
    input.datatype === 'BYTES' ? Buffer.from('x') : whole,
  );
  const request = infer.request.fromObject({
    modelName: input.model.name,
    modelVersion: input.version ?? '',
    inputs: [
      {
        name: textOf(input.name),
        datatype: textOf(input.datatype),
        shape: input.shape.map((size) =>
          typeof size === 'number' && Number.isSafeInteger(size) ? size : -1,
        ),
        ...(isRaw ? {} : { contents: { [contentsOf[textOf(input.datatype)] ?? 'fp32Contents']: elements } }),
      },
    ],
    ...(isRaw ? { rawInputContents: [Buffer.alloc(Math.min(input.bytes, 1 << 20), 1)] } : {}),
  });
  const end = await wire.call(target.grpcAddress, {
    path: infer.path,
    headers: { authorization: `Bearer ${target.apiToken}` },
    chunks: [frameOf(infer.request.encode(request).finish())],
    ending: 'end',
  });
  target.count(`models grpc ${end.status ?? 'closed'}`);
  const place = `${infer.path} ${input.form} ${input.model.name}`;
  if (end.timedOut) return { kind: 'no answer', place, text: `nothing for ${answerWithinMs} ms` };
  if (isLoading(end.message)) return undefined;
  const isServers = end.status === 2 || end.status === 13 || end.status === 14 || end.status === 15;
  return isServers
    ? { kind: 'server fault', place: `${place} ${end.status ?? ''}`, text: end.message }
    : undefined;
}

/** Models are loaded beside the doors; until then 503 is the truth. */
const isLoading = (text: string): boolean =>
  text.includes('MODELS_NOT_READY') && text.includes(' is LOADING');

const textOf = (value: Json): string => (typeof value === 'string' ? value : writeJson(value).slice(0, 100));
