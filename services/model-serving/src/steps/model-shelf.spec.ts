import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ComputedTraitDefinition } from '@rapport/playbook';
import { FolderModelFiles } from '../adapters/folder-model-files.js';
import { onnxRuntime } from '../adapters/onnx-runtime.js';
import type { Tensor } from '../domain/datatypes.js';
import { tensorOfRows } from '../domain/feature-rows.js';
import type { FeatureColumn } from '../domain/manifest.js';
import type { ModelProcess } from '../ports/model-runtime.js';
import { logisticGolden, ModelFolder, scorerManifest } from '../testing/model-folder.js';
import { heavyModel, identityModel, logisticModel } from '../testing/tiny-onnx.js';
import { createLoadVersion } from './load-version.js';
import { ModelShelf } from './model-shelf.js';

const traits: ComputedTraitDefinition[] = [
  { name: 'orders_count', kind: 'count', on: { event: 'Order Completed' } },
  { name: 'views_7d', kind: 'count', on: { event: 'Product Viewed' }, window: '7d' },
  { name: 'last_category', kind: 'last', on: { event: 'Product Viewed' }, property: 'category' },
];
const features: FeatureColumn[] = [
  {
    name: 'orders_count',
    definition: { kind: 'count', on: { type: 'track', event: 'Order Completed' } },
    default: 0,
  },
  {
    name: 'views_7d',
    definition: { kind: 'count', on: { event: 'Product Viewed' }, window: '7d' },
    default: 0,
  },
];
const weights = [0.5, -0.25];

let folder: ModelFolder;
let shelf: ModelShelf;
let failures: string[];
let crashes: string[];
/** Every process that was opened. */
let processes: ModelProcess[];
const runtime = onnxRuntime(10_000);

/** Loads all of the repository and waits until it is. */
async function loadAll(): Promise<void> {
  await shelf.loadAll();
  await shelf.idle();
}

beforeEach(() => {
  folder = new ModelFolder();
  failures = [];
  crashes = [];
  processes = [];
  const files = new FolderModelFiles(folder.root);
  shelf = new ModelShelf(
    files,
    createLoadVersion({
      files,
      runtime: {
        ...runtime,
        openProcess: async (source) => {
          const process = await runtime.openProcess(source);
          processes.push(process);
          return process;
        },
      },
      computedTraits: traits,
      inlineMaxMs: 0.2,
      onCrash: (name, version, reason) => crashes.push(`${name}/${version}: ${reason}`),
    }),
    (name, version, reason) => failures.push(`${name}/${version}: ${reason}`),
  );
});

afterEach(async () => {
  await shelf.close();
  folder.remove();
});

function putScorer(version: string, w = weights, columns = features): void {
  const model = logisticModel(w);
  folder.put('propensity', version, {
    model,
    manifest: scorerManifest('propensity', version, model, columns),
    golden: logisticGolden(columns, w),
  });
}

const stateOf = (name: string, version: string) =>
  shelf.list().find((each) => each.name === name && each.version === version);

async function score(version?: string): Promise<number> {
  return await shelf.using('propensity', version, async (held) => {
    const scorer = held.loaded.manifest?.scorer;
    if (scorer === undefined) throw new Error('no scorer');
    const { outputs } = await held.run([tensorOfRows(scorer, [{ orders_count: 2, views_7d: 1 }])], ['score']);
    return Number(outputs[0]?.elements[0]);
  });
}
const logistic = (sum: number): number => 1 / (1 + Math.exp(-sum));

describe('loading', () => {
  it('serves a version after its golden cases were replayed, and runs a small model inline', async () => {
    putScorer('1');
    await loadAll();
    expect(stateOf('propensity', '1')).toMatchObject({ state: 'READY', reason: '' });
    expect(shelf.find('propensity', undefined).loaded.apart).toBeUndefined();
    expect(await score()).toBeCloseTo(logistic(2 * 0.5 - 0.25), 6);
  });

  it.each<[string, () => void, RegExp]>([
    [
      'a file that is no model',
      () => folder.put('bad', '1', { model: new Uint8Array([1, 2, 3]) }),
      /expected model\.onnx to be an ONNX model/,
    ],
    [
      'a truncated model',
      () => folder.put('bad', '1', { model: logisticModel(weights).slice(0, 60) }),
      /expected model\.onnx to be an ONNX model/,
    ],
    [
      'a digest that differs',
      () => {
        const model = logisticModel(weights);
        const manifest = scorerManifest('bad', '1', logisticModel([9, 9]), features);
        folder.put('bad', '1', { model, manifest, golden: logisticGolden(features, weights) });
      },
      /expected bad\/1 to have the SHA-256 [0-9a-f]{64}.*it has [0-9a-f]{64}/,
    ],
    [
      'a feature that the playbook does not compute',
      () => putBad([{ ...column('orders_count'), name: 'shoe_size' }, column('views_7d')]),
      /expected a computed trait shoe_size in the playbook/,
    ],
    [
      'a feature that was defined otherwise when the model was trained',
      () =>
        putBad([
          column('orders_count'),
          {
            ...column('views_7d'),
            definition: { kind: 'count', on: { event: 'Product Viewed' }, window: '30d' },
          },
        ]),
      /the feature views_7d was trained as .*"30d".* and the playbook now computes .*"7d"/,
    ],
    [
      'a feature that is no number',
      () => putBad([column('orders_count'), { ...column('views_7d'), name: 'last_category' }]),
      /expected the feature last_category to be a number; the playbook computes a last/,
    ],
    [
      'more features than the model has columns',
      () => putBad([column('orders_count')]),
      /expected the input features to be FP32\[-1,1\].*it is FP32\[-1,2\]/,
    ],
    [
      'a golden case that comes out otherwise',
      () => {
        const model = logisticModel(weights);
        folder.put('bad', '1', {
          model,
          manifest: scorerManifest('bad', '1', model, features),
          golden: logisticGolden(features, [0.5, -0.26]),
        });
      },
      /golden case 1: expected the score 0\.\d+ within 0\.000001, the model gave 0\.\d+/,
    ],
    [
      'no golden cases beside a scorer',
      () => {
        const model = logisticModel(weights);
        folder.put('bad', '1', { model, manifest: scorerManifest('bad', '1', model, features) });
      },
      /expected golden\.json beside a model that scores people; there is none/,
    ],
    [
      'a manifest that is no JSON',
      () => (putBad(features), folder.write('bad/1/manifest.json', '{"format":')),
      /expected JSON in bad\/1\/manifest\.json/,
    ],
    [
      'a manifest with mistakes, all of them told',
      () => (
        putBad(features),
        folder.write('bad/1/manifest.json', '{"format":"x","name":"bad","version":1,"sha256":"00"}')
      ),
      /format: .*version: .*sha256: /,
    ],
    [
      'a manifest of another version',
      () => {
        const model = logisticModel(weights);
        folder.put('bad', '1', {
          model,
          manifest: scorerManifest('bad', '2', model, features),
          golden: logisticGolden(features, weights),
        });
      },
      /expected the manifest in bad\/1 to name bad\/1; it names bad\/2/,
    ],
  ])('refuses %s and goes on serving the others', async (_title, put, reason) => {
    putScorer('1');
    put();
    await loadAll();
    expect(stateOf('bad', '1')?.state).toBe('UNAVAILABLE');
    expect(stateOf('bad', '1')?.reason).toMatch(reason);
    expect(failures).toHaveLength(1);
    expect(await score()).toBeGreaterThan(0);
    await expect(shelf.using('bad', undefined, async () => 0)).rejects.toMatchObject({
      code: 'MODELS_NOT_READY',
      status: 'unavailable',
    });
  });

  it('serves a model without a manifest, and replays golden tensors where there are some', async () => {
    folder.put('echo', '1', {
      model: identityModel('INT64'),
      golden: {
        cases: [
          {
            inputs: [{ name: 'in', datatype: 'INT64', shape: [2], data: [1, 2] }],
            outputs: [{ name: 'out', datatype: 'INT64', shape: [2], data: [1, 2] }],
          },
        ],
      },
    });
    folder.put('liar', '1', {
      model: identityModel('INT64'),
      golden: {
        cases: [
          {
            inputs: [{ name: 'in', datatype: 'INT64', shape: [2], data: [1, 2] }],
            outputs: [{ name: 'out', datatype: 'INT64', shape: [2], data: [1, 3] }],
          },
        ],
      },
    });
    await loadAll();
    expect(stateOf('echo', '1')?.state).toBe('READY');
    expect(stateOf('liar', '1')?.reason).toMatch(/golden case 0: the output out is not the one expected/);
  });
});

describe('versions', () => {
  it('answers with the highest number that is ready, or the one asked for', async () => {
    putScorer('2', [1, 1]);
    putScorer('10', [2, 2]);
    folder.put('propensity', '11', { model: new Uint8Array(10) });
    await loadAll();
    expect(shelf.find('propensity', undefined).version).toBe('10');
    expect(await score('2')).toBeCloseTo(logistic(3), 6);
    expect(() => shelf.find('propensity', '11')).toThrow(/11 is UNAVAILABLE/);
    expect(() => shelf.find('propensity', '12')).toThrow(/there is no model propensity version 12/);
    expect(() => shelf.find('nobody', undefined)).toThrow(/there is no model nobody; there are propensity/);
  });

  it('follows policy.json', async () => {
    putScorer('1', [1, 1]);
    putScorer('2', [2, 2]);
    putScorer('3', [3, 3]);
    folder.write('propensity/policy.json', '{"serve":["1","2"],"default":"1"}');
    await loadAll();
    expect(shelf.list().map(({ version }) => version)).toEqual(['1', '2']);
    expect(shelf.find('propensity', undefined).version).toBe('1');
    folder.write('propensity/policy.json', '{"serve":"newest"}');
    await expect(shelf.loadModel('propensity')).rejects.toThrow(/policy\.json is not in order/);
    expect(await score('1')).toBeCloseTo(logistic(3), 6);
  });
});

describe('swapping', () => {
  it('keeps serving what is loaded when its successor fails, and says so', async () => {
    putScorer('1');
    await loadAll();
    const before = await score();
    folder.write('propensity/1/model.onnx', new Uint8Array([0]));
    await expect(shelf.load('propensity', '1')).rejects.toMatchObject({ code: 'MODELS_LOAD_FAILED' });
    expect(await score()).toBe(before);
    expect(stateOf('propensity', '1')).toMatchObject({
      state: 'READY',
      reason: expect.stringMatching(/still serving what was loaded before/),
    });
  });

  it('swaps under load: every answer is of the old model or of the new one, none fails', async () => {
    putScorer('1', [1, 0]);
    await loadAll();
    const allowed = new Set<string>();
    let swapping = true;
    const asking = Array.from({ length: 8 }, async () => {
      while (swapping) {
        allowed.add((await score()).toFixed(5));
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    for (const weight of [2, 3, 4]) {
      putScorer('1', [weight, 0]);
      await shelf.load('propensity', '1');
    }
    swapping = false;
    await Promise.all(asking);
    const possible = [1, 2, 3, 4].map((weight) => logistic(2 * weight).toFixed(5));
    expect([...allowed].every((value) => possible.includes(value))).toBe(true);
    expect(allowed.size).toBeGreaterThan(1);
    expect(await score()).toBeCloseTo(logistic(8), 6);
  });

  it('unloads after the calls in hand have ended', async () => {
    folder.put('heavy', '1', { model: heavyModel(512, 40) });
    await loadAll();
    expect(shelf.find('heavy', undefined).loaded.apart).toMatch(
      /the first dimension of its input in is not free/,
    );
    const input: Tensor = { name: 'in', datatype: 'FP32', shape: [1, 512], elements: new Float32Array(512) };
    const call = shelf.using('heavy', undefined, (held) => held.run([input], ['out']));
    const unloading = shelf.unload('heavy', undefined);
    expect((await call).outputs[0]?.shape).toEqual([1, 512]);
    await unloading;
    expect(stateOf('heavy', '1')).toMatchObject({ state: 'UNAVAILABLE', reason: 'unloaded' });
  });

  it('gives the memory of an unloaded model back: none of its processes is left', async () => {
    folder.put('heavy', '1', { model: heavyModel(1024, 1) });
    putScorer('1');
    await loadAll();
    for (const name of ['heavy', 'propensity']) {
      await shelf.loadModel(name);
      expect(stateOf(name, '1')?.state).toBe('READY');
      await shelf.unload(name, undefined);
    }
    expect(processes.length).toBeGreaterThanOrEqual(4);
    expect(processes.map((each) => each.ended())).not.toContain(undefined);
    expect(crashes).toEqual([]);
  });

  it('runs several models in processes side by side', async () => {
    for (const name of ['a', 'b', 'c']) folder.put(name, '1', { model: heavyModel(256, 30) });
    await loadAll();
    const input: Tensor = { name: 'in', datatype: 'FP32', shape: [1, 256], elements: new Float32Array(256) };
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, at) =>
        shelf.using(['a', 'b', 'c'][at % 3] ?? 'a', undefined, (held) => held.run([input], ['out'])),
      ),
    );
    expect(answers.every(({ outputs }) => outputs[0]?.elements.length === 256)).toBe(true);
  });
});

const column = (name: string): FeatureColumn => {
  const found = features.find((feature) => feature.name === name);
  if (found === undefined) throw new Error(name);
  return found;
};

function putBad(columns: readonly FeatureColumn[]): void {
  const model = logisticModel(weights);
  folder.put('bad', '1', {
    model,
    manifest: scorerManifest('bad', '1', model, columns),
    golden: logisticGolden(columns, weights),
  });
}
