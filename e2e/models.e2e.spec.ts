import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inferenceProto, modelsProto, profilesProto } from '@rapport/contracts';
import { seededRandom } from '@rapport/kernel';
import { createCalls, type Calls } from '@rapport/service-host';
import { repositoryRoot, startPlatform, type TestPlatform } from '@rapport/testing';

const startMs = Date.parse('2026-03-02T00:00:00.000Z');
const hourMs = 3_600_000;
const days = 14;
const stepHours = 12;
const folder = mkdtempSync(join(tmpdir(), 'rapport-e2e-models-'));
const dataDir = join(folder, 'data');
const modelsDir = join(folder, 'models');
const people = Array.from({ length: 12 }, (_, number) => `user_id:u${number}`);
const iso = (ms: number): string => new Date(ms).toISOString();

let platform: TestPlatform;
let calls: Calls;
let models: modelsProto.ModelsService;
let profiles: profilesProto.ProfilesService;
let inference: inferenceProto.GRPCInferenceService;

async function start(at: number): Promise<void> {
  platform = await startPlatform({
    dataDir,
    virtualFrom: iso(at),
    environment: { RAPPORT_MODELS_DIR: modelsDir },
  });
  calls = createCalls({ addressOf: () => platform.grpcAddress, apiToken: platform.apiToken });
  models = calls.to<modelsProto.ModelsService>(modelsProto.ModelsServiceDefinition);
  profiles = calls.to<profilesProto.ProfilesService>(profilesProto.ProfilesServiceDefinition);
  inference = calls.to<inferenceProto.GRPCInferenceService>(inferenceProto.GRPCInferenceServiceDefinition);
}

/** What twelve people do in half a day; some of it arrives hours late, some twice, some before they log in. */
function eventsOf(random: () => number, nowMs: number): object[] {
  const batch: object[] = [];
  for (const [number, person] of people.entries()) {
    if (random() > 0.5) continue;
    const userId = person.slice('user_id:'.length);
    const who = number % 3 === 0 && random() < 0.5 ? { anonymousId: `device-${number}` } : { userId };
    const lateMs = random() < 0.2 ? Math.floor(random() * 30 * hourMs) : 0;
    const at = (): string => iso(nowMs - lateMs - Math.floor(random() * hourMs));
    const messageId = (what: string): string => `${userId}-${nowMs}-${what}`;
    if (random() < 0.2)
      batch.push({
        type: 'identify',
        userId,
        anonymousId: `device-${number}`,
        timestamp: at(),
        messageId: messageId('id'),
      });
    batch.push({ type: 'page', ...who, name: 'Home', timestamp: at(), messageId: messageId('page') });
    // Boots and socks are looked at together; the hat is for the last three people.
    const products =
      number > 8 ? ['hat', 'scarf'] : random() < 0.7 ? ['boots', 'socks'] : [`p${Math.floor(random() * 6)}`];
    for (const product_id of products) {
      const properties = {
        product_id,
        price: 10 + Math.round(random() * 1000) / 100,
        category: number > 8 ? 'winter' : 'feet',
      };
      const viewed = {
        type: 'track',
        event: 'Product Viewed',
        ...who,
        properties,
        timestamp: at(),
        messageId: messageId(product_id),
      };
      batch.push(viewed);
      if (random() < 0.1) batch.push(viewed);
      if (random() < 0.4)
        batch.push({ ...viewed, event: 'Product Added', messageId: messageId(`${product_id}-add`) });
    }
    if (random() < 0.25) {
      const revenue = Math.round(random() * 9000) / 100;
      const properties = {
        order_id: messageId('order'),
        revenue,
        total: revenue,
        currency: 'EUR',
        products: products.map((product_id) => ({ product_id, price: 20, quantity: 1 })),
      };
      batch.push({
        type: 'track',
        event: 'Order Completed',
        ...who,
        properties,
        timestamp: at(),
        messageId: messageId('order'),
      });
    }
  }
  return batch;
}

beforeAll(async () => {
  cpSync(join(repositoryRoot, 'models'), modelsDir, { recursive: true });
  mkdirSync(join(modelsDir, 'broken/1'), { recursive: true });
  writeFileSync(join(modelsDir, 'broken/1/model.onnx'), 'not a model');
  await start(startMs);
  const random = seededRandom(11);
  for (let step = 1; step <= (days * 24) / stepHours; step++) {
    const nowMs = startMs + step * stepHours * hourMs;
    await platform.advanceTo(iso(nowMs));
    const batch = eventsOf(random, nowMs);
    if (batch.length === 0) continue;
    const { status, body } = await platform.send(batch);
    expect({ status, refused: body.results.filter(({ accepted }) => !accepted) }).toEqual({
      status: 200,
      refused: [],
    });
  }
  await platform.advanceTo(iso(startMs + days * 24 * hourMs + 5 * hourMs));
});

afterAll(async () => {
  calls.close();
  await platform.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('training equals serving', () => {
  const environment = spawnSync(process.execPath, [join(repositoryRoot, 'training/environment.mjs')], {
    encoding: 'utf8',
    timeout: 600_000,
  });
  const python = environment.stdout.trim();
  if (environment.status !== 0)
    process.stderr.write(`skipped: training features need Python, and ${python}\n`);
  const itWithPython = environment.status === 0 ? it : it.skip;

  itWithPython('features computed from the export are those that are served, for everybody', async () => {
    const response = await fetch(`${platform.httpUrl}/v1/export/events`, {
      headers: { authorization: `Bearer ${platform.apiToken}` },
    });
    const exported = join(folder, 'export.ndjson');
    writeFileSync(exported, Buffer.from(await response.arrayBuffer()));
    const at = iso(startMs + days * 24 * hourMs + 5 * hourMs);
    const printed = execFileSync(
      python,
      [
        '-m',
        'rapport_training.command',
        'features',
        '--export',
        exported,
        '--at',
        at,
        '--playbook',
        join(repositoryRoot, 'playbook'),
      ],
      {
        encoding: 'utf8',
        env: { ...process.env, PYTHONPATH: join(repositoryRoot, 'training/src') },
      },
    );
    const trained = printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { profileId: string; features: Record<string, number> });
    expect(trained.length).toBeGreaterThanOrEqual(people.length);
    const { rows } = await profiles.batchGetFeatures({
      persons: trained.map(({ profileId }) => profileId),
      features: [],
    });
    for (const [index, { features }] of trained.entries()) {
      const served = rows[index]?.values ?? {};
      // A first or last value may be a number too; it is no feature.
      const numeric = Object.keys(served).filter((name) => name !== 'first_order_value');
      expect(numeric.sort()).toEqual(Object.keys(features).sort());
      for (const [name, value] of Object.entries(features))
        expect([name, served[name]]).toEqual([name, expect.closeTo(value, 9)]);
    }
    expect(
      rows.some(
        ({ values }) => (values['revenue_30d'] ?? 0) > 0 && (values['days_since_last_view'] ?? 0) > 0,
      ),
    ).toBe(true);
  });
});

describe('scores', () => {
  it('are the same for a person and for the features of that person', async () => {
    const features =
      (await models.listModels({})).models.find(({ name }) => name === 'propensity')?.features ?? [];
    const { rows } = await profiles.batchGetFeatures({ persons: people, features });
    const byPerson = await models.score({ model: 'propensity', version: '', persons: people, rows: [] });
    const byRow = await models.score({
      model: 'propensity',
      version: '',
      persons: [],
      rows: rows.map(({ values }) => ({ values })),
    });
    expect(byPerson.scores).toEqual(byRow.scores);
    expect(byPerson.found).toEqual(people.map(() => true));
    expect(new Set(byPerson.scores).size).toBeGreaterThan(3);
    expect(byPerson.scores.every((score) => score > 0 && score < 1)).toBe(true);
    const stranger = await models.score({
      model: 'propensity',
      version: '',
      persons: ['user_id:nobody'],
      rows: [],
    });
    const nothing = await models.score({
      model: 'propensity',
      version: '',
      persons: [],
      rows: [{ values: {} }],
    });
    expect(stranger).toEqual({ scores: nothing.scores, found: [false], version: '1' });
  });

  it('are explained by what each feature changes', async () => {
    const person = 'user_id:u1';
    const { score, contributions } = await models.explainScore({ model: 'propensity', person });
    expect(score).toBe(
      (await models.score({ model: 'propensity', version: '', persons: [person], rows: [] })).scores[0],
    );
    const [largest] = contributions;
    if (largest === undefined) throw new Error('no contribution');
    const { rows } = await profiles.batchGetFeatures({ persons: [person], features: [] });
    const without = Object.fromEntries(
      Object.entries(rows[0]?.values ?? {}).filter(([name]) => name !== largest.feature),
    );
    const ablated = await models.score({
      model: 'propensity',
      version: '',
      persons: [],
      rows: [{ values: without }],
    });
    expect(largest.contribution).toBeCloseTo(score - (ablated.scores[0] ?? NaN), 12);
    expect(largest.contribution).not.toBe(0);
  });

  it('come from a model that a broken neighbour does not touch', async () => {
    const { models: all } = await models.listModels({});
    expect(all.find(({ name }) => name === 'broken')).toMatchObject({
      state: 'UNAVAILABLE',
      reason: expect.stringMatching(/expected model\.onnx to be an ONNX model/),
    });
    expect(await inference.modelReady({ name: 'propensity', version: '' })).toEqual({ ready: true });
    await expect(
      models.score({ model: 'broken', version: '', persons: people, rows: [] }),
    ).rejects.toMatchObject({ code: 'MODELS_NOT_READY' });
    const { status, body } = await platform.get<{ name: string }>('/v2/models/propensity');
    expect({ status, name: body.name }).toEqual({ status: 200, name: 'propensity' });
  });
});

describe('recommendations', () => {
  const ask = (question: Partial<modelsProto.RecommendRequest>) =>
    models.recommend({
      person: '',
      limit: 5,
      exclude: [],
      seeds: [],
      segments: [],
      category: '',
      ...question,
    });

  it('come from what was looked at together, with their reason', async () => {
    const { items, rung } = await ask({ seeds: ['boots'] });
    expect(rung).toBe('covisitation');
    expect(items[0]).toMatchObject({
      item: 'socks',
      source: 'covisitation',
      reason: 'often together with boots',
    });
    expect(
      (await ask({ person: 'user_id:u10', category: 'winter', limit: 2 })).items
        .map(({ item }) => item)
        .sort(),
    ).toEqual(['hat', 'scarf']);
    const stranger = await ask({ person: 'user_id:nobody' });
    expect(stranger.items.length).toBe(5);
    expect(['trending', 'popularity']).toContain(stranger.rung);
    expect(
      (await ask({ exclude: ['boots', 'socks', 'hat', 'scarf'] })).items.every(({ item }) =>
        item.startsWith('p'),
      ),
    ).toBe(true);
  });

  it('are the same after the platform was killed and started again', async () => {
    const questions = [{ seeds: ['boots'] }, ...people.map((person) => ({ person, limit: 20 })), {}];
    const answers = async () => await Promise.all(questions.map((question) => ask(question)));
    const before = await answers();
    calls.close();
    await platform.kill();
    await start(startMs + days * 24 * hourMs + 5 * hourMs);
    await platform.advanceTo();
    expect(await answers()).toEqual(before);
  });
});
