import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '@rapport/kernel';
import type { GoldenCases, Manifest } from '../domain/manifest.js';
import { compareVersions, type VersionPolicy } from '../domain/versions.js';
import { modelsError } from '../model-serving.errors.js';
import type { ModelFiles } from '../ports/model-files.js';
import { digestOf, digestOfAll, externalFiles } from './model-digest.js';
import { readOnnx } from './read-onnx.js';

/** The largest message that protobuf reads; weights beyond it are external data. */
const maxModelBytes = 2 ** 31 - 1;
/** Up to here a model is kept as it was read, so that what replaces the file does not touch the one that serves. */
const maxKeptBytes = 4 << 20;
/** Of manifest.json, golden.json and policy.json, which are parsed in one go. */
const maxJsonBytes = 4 << 20;

/** Names become folders, so they hold nothing that a path could be made of. */
const folderName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

const condition = z.strictObject({
  path: z.string(),
  op: z.enum(['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'contains', 'exists', 'starts_with']),
  value: z
    .union([z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number(), z.boolean()]))])
    .exactOptional(),
});
const definition = z.strictObject({
  kind: z.enum([
    'count',
    'sum',
    'min',
    'max',
    'mean',
    'first',
    'last',
    'most_frequent',
    'unique_list',
    'unique_count',
    'time_since',
  ]),
  on: z.strictObject({
    type: z.enum(['track', 'page', 'screen', 'identify', 'group']).exactOptional(),
    event: z.string().exactOptional(),
    where: z.array(condition).exactOptional(),
  }),
  property: z.string().exactOptional(),
  window: z.string().exactOptional(),
});
const manifestSchema: z.ZodType<Manifest> = z.strictObject({
  format: z.literal('rapport-model/1'),
  name: z.string(),
  version: z.string(),
  title: z.string().optional(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits'),
  scorer: z
    .strictObject({
      inputTensor: z.string(),
      features: z.array(z.strictObject({ name: z.string(), definition, default: z.number() })).min(1),
      outputTensor: z.string(),
      outputColumn: z.number().int().min(0),
    })
    .optional(),
  training: z.record(z.string(), z.unknown()).optional(),
  metrics: z.record(z.string(), z.number()).optional(),
});
const jsonTensor = z.strictObject({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.number().int().min(0)),
  data: z.array(z.unknown()),
});
const goldenSchema: z.ZodType<GoldenCases> = z.strictObject({
  tolerance: z.number().positive().optional(),
  cases: z
    .array(
      z.union([
        z.strictObject({ values: z.record(z.string(), z.number()), score: z.number() }),
        z.strictObject({ inputs: z.array(jsonTensor), outputs: z.array(jsonTensor) }),
      ]),
    )
    .min(1),
});
const policySchema: z.ZodType<VersionPolicy> = z.strictObject({
  serve: z.union([z.literal('all'), z.literal('latest'), z.array(z.string()).min(1)]).optional(),
  default: z.string().optional(),
});

/** The model repository as folders under a root. */
export class FolderModelFiles implements ModelFiles {
  constructor(readonly root: string) {}

  async list(): Promise<readonly { readonly name: string; readonly versions: readonly string[] }[]> {
    const models = [];
    for (const name of await foldersIn(this.root)) {
      models.push({ name, versions: (await foldersIn(join(this.root, name))).sort(compareVersions) });
    }
    return models;
  }

  async policy(name: string): Promise<VersionPolicy | undefined> {
    return await readJson(this.#path(name, 'policy.json'), `${name}/policy.json`, policySchema);
  }

  async read(name: string, version: string): ReturnType<ModelFiles['read']> {
    const place = `${name}/${version}`;
    const path = this.#path(name, version, 'model.onnx');
    const file = await digestOf(path, maxModelBytes, place).catch(unlessMissing);
    if (file === undefined) {
      throw modelsError(
        'MODELS_NOT_FOUND',
        `expected a file ${place}/model.onnx in the model repository; there is none`,
      );
    }
    const manifest = await readJson(
      this.#path(name, version, 'manifest.json'),
      `${place}/manifest.json`,
      manifestSchema,
    );
    const golden = await readJson(
      this.#path(name, version, 'golden.json'),
      `${place}/golden.json`,
      goldenSchema,
    );
    const { graph, locations } = await readOnnx(file.bytes).catch((thrown: unknown) => {
      throw modelsError(
        'MODELS_VERSION_BROKEN',
        `expected model.onnx to be an ONNX model that this runtime can run: ${messageOf(thrown)}`,
      );
    });
    const external = await externalFiles(this.#path(name, version), place, locations);
    const sha256 = digestOfAll(file.sha256, external);
    if (manifest !== undefined) checkManifest(manifest, name, version, sha256);
    const isKept = file.bytes.byteLength <= maxKeptBytes && external.length === 0;
    const model = { path, sha256: file.sha256, bytes: isKept ? file.bytes : undefined, external };
    return { model, sha256, graph, manifest, golden };
  }

  #path(...parts: readonly string[]): string {
    for (const part of parts) {
      if (!folderName.test(part)) {
        throw modelsError(
          'MODELS_NOT_FOUND',
          `expected a model name and version of letters, digits, dots, dashes; got ${JSON.stringify(part)}`,
        );
      }
    }
    return join(this.root, ...parts);
  }
}

function checkManifest(manifest: Manifest, name: string, version: string, sha256: string): void {
  const place = `${name}/${version}`;
  if (manifest.name !== name || manifest.version !== version) {
    throw modelsError(
      'MODELS_VERSION_BROKEN',
      `expected the manifest in ${place} to name ${place}; it names ${manifest.name}/${manifest.version}`,
    );
  }
  if (manifest.sha256 !== sha256) {
    throw modelsError(
      'MODELS_VERSION_BROKEN',
      `expected ${place} to have the SHA-256 ${manifest.sha256} that its manifest names; it has ${sha256}: the file was damaged or replaced, export it again`,
    );
  }
}

const isMissing = (thrown: unknown): boolean =>
  typeof thrown === 'object' &&
  thrown !== null &&
  'code' in thrown &&
  (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR');

async function foldersIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && folderName.test(entry.name))
      .map(({ name }) => name)
      .sort();
  } catch (thrown) {
    if (isMissing(thrown)) return [];
    throw thrown;
  }
}

const unlessMissing = (thrown: unknown): undefined => {
  if (isMissing(thrown)) return undefined;
  throw thrown;
};

async function readIfThere(path: string, place: string): Promise<Buffer | undefined> {
  const size = (await stat(path).catch(unlessMissing))?.size;
  if (size === undefined) return undefined;
  if (size > maxJsonBytes)
    throw modelsError(
      'MODELS_VERSION_BROKEN',
      `expected at most ${maxJsonBytes} bytes in ${place}, got ${size}`,
    );
  return await readFile(path);
}

async function readJson<T>(path: string, place: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const bytes = await readIfThere(path, place);
  if (bytes === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (thrown) {
    throw modelsError('MODELS_VERSION_BROKEN', `expected JSON in ${place}: ${messageOf(thrown)}`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path: at, message }) => `${at.join('.') || 'the whole'}: ${message}`,
  );
  throw modelsError('MODELS_VERSION_BROKEN', `${place} is not in order: ${problems.join('; ')}`);
}
