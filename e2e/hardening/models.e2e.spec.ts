import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { repositoryRoot, startPlatform, type TestPlatform } from '@rapport/testing';
import {
  constantModel,
  divisionModel,
  fatalModel,
  heavyModel,
  identityModel,
  recurrentModel,
  treesModel,
} from '../../services/model-serving/src/testing/tiny-onnx.js';

const folder = mkdtempSync(join(tmpdir(), 'rapport-hard-models-'));
const modelsDir = join(folder, 'models');
const dataDir = join(folder, 'data');
const columns = 12;
/** Models that take a moment each, after all others in order. */
const late = 3;
const thieves = ['thief-above', 'thief-absolute', 'thief-beside', 'thief-link'];

let platform: TestPlatform;

function put(name: string, model: Uint8Array): string {
  const place = join(modelsDir, name, '1');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'model.onnx'), model);
  return place;
}

interface Standing {
  readonly name: string;
  readonly state: string;
  readonly reason: string;
}
const standings = async (): Promise<readonly Standing[]> =>
  (await platform.post<readonly Standing[]>('/v2/repository/index', {})).body;
const standingOf = async (name: string) => (await standings()).find((each) => each.name === name);

async function until<T>(ask: () => Promise<T>, holds: (answer: T) => boolean, withinMs = 30_000): Promise<T> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (holds(answer) || performance.now() > endMs) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const isReady = async (name: string): Promise<void> => {
  const standing = await until(
    () => standingOf(name),
    (each) => each?.state !== 'LOADING',
  );
  expect(standing).toMatchObject({ state: 'READY' });
};

interface Answer {
  readonly status: number;
  readonly body: {
    readonly error?: string;
    readonly outputs?: readonly { readonly data: readonly number[] }[];
  };
}

const infer = async (model: string, inputs: readonly object[]): Promise<Answer> =>
  await platform.post(`/v2/models/${model}/infer`, { inputs });

/** The longest that /healthz was without an answer while work was under way, asked all the time. */
async function longestStandMs<T>(
  work: () => Promise<T>,
): Promise<{ result: T; standMs: number; tookMs: number }> {
  let standMs = 0;
  let isOver = false;
  const asking = (async () => {
    while (!isOver) {
      const began = performance.now();
      expect((await platform.get('/healthz')).status).toBe(200);
      standMs = Math.max(standMs, performance.now() - began);
    }
  })();
  const began = performance.now();
  const result = await work();
  const tookMs = performance.now() - began;
  isOver = true;
  await asking;
  return { result, standMs, tookMs };
}

beforeAll(async () => {
  put('divide', divisionModel());
  put('echo', identityModel('FP32', ['rows', 'columns']));
  put('fatal', fatalModel());
  put('gru', recurrentModel());
  put('trees', treesModel(200, 8, columns));
  const secret = new Float32Array(8);
  const outside = join(dataDir, 'credentials.json');
  put('thief-absolute', constantModel(secret, outside));
  // The platform's own folder, which ONNX Runtime takes for a model's when it gets bytes.
  put('thief-beside', constantModel(secret, 'package.json'));
  put('thief-above', constantModel(secret, '../../../data/credentials.json'));
  symlinkSync(outside, join(put('thief-link', constantModel(secret, 'weights.bin')), 'weights.bin'));
  const weights = Float32Array.from([1.5, -2]);
  writeFileSync(join(put('weights', constantModel(weights, 'weights.bin')), 'weights.bin'), weights);
  for (let at = 0; at < late; at++) put(`z-late-${at}`, heavyModel(2048, 1));
  platform = await startPlatform({ dataDir, environment: { RAPPORT_MODELS_DIR: modelsDir } });
});

afterAll(async () => {
  await platform.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('models at the start', () => {
  it('are loaded beside the doors, each with a readiness of its own', async () => {
    const began = await standings();
    expect(began.some(({ state }) => state === 'LOADING')).toBe(true);
    expect((await platform.get('/readyz')).status).toBe(200);
    const { body } = await platform.send([{ type: 'page', anonymousId: 'first', name: 'Home' }]);
    expect(body.results[0]?.accepted).toBe(true);
    const ended = await until(standings, (all) => all.every(({ state }) => state !== 'LOADING'));
    expect(ended.filter(({ state }) => state !== 'READY').map(({ name }) => name)).toEqual([
      'fatal',
      ...thieves,
    ]);
  });

  it('that end the process that opens them end only that', async () => {
    expect(await standingOf('fatal')).toMatchObject({
      state: 'UNAVAILABLE',
      reason: expect.stringMatching(/the process that opened it ended by SIG/),
    });
  });

  it('that name files outside of their folder as external data are refused, those inside served', async () => {
    for (const name of thieves)
      expect(await standingOf(name)).toMatchObject({
        state: 'UNAVAILABLE',
        reason: expect.stringMatching(/external data of .*model\.onnx in files within its own folder/),
      });
    const answer = await infer('weights', [{ name: 'in', datatype: 'FP32', shape: [1], data: [2] }]);
    expect(answer.body.outputs?.[0]?.data).toEqual([3, -4]);
  });
});

describe('no request ends the platform', () => {
  const steps = (rows: number) => [
    { name: 'in', datatype: 'FP32', shape: [rows, 4], data: new Array<number>(rows * 4).fill(1) },
  ];
  const divided = (value: number, by: number) => [
    { name: 'in', datatype: 'INT32', shape: [1], data: [value] },
    { name: 'by', datatype: 'INT32', shape: [1], data: [by] },
  ];

  it('not one without rows to a recurrent model, which is refused', async () => {
    await isReady('gru');
    expect((await infer('gru', steps(2))).status).toBe(200);
    const refused = await infer('gru', steps(0));
    expect(refused.status).toBe(400);
    expect(refused.body.error).toMatch(/expected at least 1 in every dimension/);
    expect((await infer('gru', steps(2))).status).toBe(200);
  });

  it("not one that native code dies of: the model's process is started again, others do not notice", async () => {
    await isReady('divide');
    expect((await infer('divide', divided(8, 2))).body.outputs?.[0]?.data).toEqual([4]);
    const [died, ...others] = await Promise.all([
      infer('divide', divided(-(2 ** 31), -1)),
      infer('divide', divided(8, 4)),
      infer('gru', steps(1)),
    ]);
    expect(died).toMatchObject({ status: 503, body: { error: expect.stringMatching(/^MODELS_CRASHED/) } });
    expect(others.map(({ status }) => status)).toEqual([200, 200]);
    expect((await infer('divide', divided(8, 8))).body.outputs?.[0]?.data).toEqual([1]);
    expect(platform.process.exitCode ?? platform.process.signalCode).toBeNull();
  });
});

describe('large requests leave the doors to others', () => {
  it('200,000 rows to a model of 200 trees', async () => {
    await isReady('trees');
    const rows = 200_000;
    const values = Float32Array.from({ length: rows * columns }, (_, at) => Math.sin(at));
    const raw = Buffer.from(values.buffer);
    const head = Buffer.from(
      JSON.stringify({
        inputs: [
          {
            name: 'features',
            datatype: 'FP32',
            shape: [rows, columns],
            parameters: { binary_data_size: raw.byteLength },
          },
        ],
      }),
    );
    const { result, standMs, tookMs } = await longestStandMs(async () => {
      const response = await fetch(`${platform.httpUrl}/v2/models/trees/infer`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${platform.apiToken}`,
          'inference-header-content-length': String(head.byteLength),
        },
        body: Buffer.concat([head, raw]),
      });
      return (await response.json()) as NonNullable<Answer['body']>;
    });
    const scores = result.outputs?.[0]?.data ?? [];
    expect(scores).toHaveLength(rows);
    // The last rows alone give what they gave among all.
    const few = [...values.subarray(-3 * columns)];
    const alone = await infer('trees', [
      { name: 'features', datatype: 'FP32', shape: [3, columns], data: few },
    ]);
    for (const [at, score] of (alone.body.outputs?.[0]?.data ?? []).entries())
      expect(scores[rows - 3 + at]).toBeCloseTo(score, 6);
    expect(standMs).toBeLessThan(tookMs / 3);
  });

  it('ten compressed bodies of 64 MB', async () => {
    const text = `{"inputs":[{"name":"in","datatype":"FP32","shape":[1,1],"data":[${'1,'.repeat((32 << 20) - 50)}1]}]}`;
    const body = gzipSync(text);
    const began = performance.now();
    gunzipSync(body);
    const inflateMs = performance.now() - began;
    const { result, standMs } = await longestStandMs(
      async () =>
        await Promise.all(
          Array.from({ length: 10 }, async () => {
            const response = await fetch(`${platform.httpUrl}/v2/models/echo/infer`, {
              method: 'POST',
              headers: { authorization: `Bearer ${platform.apiToken}`, 'content-encoding': 'gzip' },
              body,
            });
            return response.status;
          }),
        ),
    );
    expect(result).toEqual(new Array(10).fill(413));
    // Inflating them one after the other in the event loop would take ten times as long.
    expect(standMs).toBeLessThan(10 * inflateMs);
  });
});

describe('readiness', () => {
  it('comes back without traffic when a model that gave no scores does', async () => {
    await platform.send([{ type: 'identify', userId: 'ada', traits: { name: 'Ada' } }]);
    const ready = (): Promise<{ status: number; body: unknown }> => platform.get('/readyz');
    const without = await until(ready, ({ status }) => status === 503);
    expect(JSON.stringify(without.body)).toMatch(/profiles: model propensity gives no scores/);
    cpSync(join(repositoryRoot, 'models/propensity'), join(modelsDir, 'propensity'), { recursive: true });
    expect((await platform.post('/v2/repository/models/propensity/load', {})).status).toBe(200);
    expect(await until(ready, ({ status }) => status === 200, 10_000)).toMatchObject({ status: 200 });
  });
});
