import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { gunzipSync } from 'node:zlib';
import type { ProfileChange } from '@rapport/contracts';
import { openDocumentStore } from '@rapport/document-store';
import { fnv1a32, seededRandom, type ProfileId } from '@rapport/kernel';
import {
  coVisitation,
  createUpdateRecommendations,
  DocumentRecommendationStore,
  ItemStatistics,
  seedsOf,
  type PlacedChange,
} from '@rapport/model-serving';
import { percentile, type Benchmark, type BenchmarkOptions, type Figure } from './report.js';

/** P@20 and MRR@20 in % that others published on the same split (full ranking), for comparison. */
const sets = [
  {
    name: 'diginetica',
    published: [
      ['Item-KNN, published: P@20', 35.75],
      ['GRU4Rec, published: P@20', 29.45],
    ],
  },
  {
    name: 'retailrocket',
    published: [
      ['S-POP (repeats of the session), computed: P@20', 38.96],
      ['GRU4Rec, published: P@20', 44.01],
    ],
  },
] as const;

const partitions = 4;
const batchSize = 500;
const tests = 5_000;
const listLength = 20;
const startMs = Date.parse('2026-01-01T00:00:00Z');
/** Test sessions are asked about after the last training session. */
const sessionMs = 1_000;

/** How often the next item of a session is among twenty recommended ones. */
export const recommend: Benchmark = {
  name: 'recommend',
  title: 'Recommendations: P@20 of the co-visitation source on public session data',
  run: async (options) => {
    const figures: Figure[] = [];
    for (const { name, published } of sets) {
      const folder = join(process.env['RAPPORT_DATASETS_DIR'] ?? '../shared/data', 'session_rec', name);
      if (existsSync(folder)) {
        figures.push(...(await measure(name, folder, options)));
        figures.push(...published.map(([title, value]) => ({ name: `${name}: ${title}`, value, unit: '%' })));
      } else options.say(`${name} skipped: data not present (${folder})`);
    }
    return {
      name: 'recommend',
      title: recommend.title,
      setup:
        figures.length === 0
          ? 'skipped: data not present'
          : `every training session as one person's views through the real counting (durable, ${partitions} partitions); ${tests} random test prefixes a set`,
      figures,
    };
  },
};

async function measure(name: string, folder: string, options: BenchmarkOptions): Promise<Figure[]> {
  const documents = await openDocumentStore({ kind: 'lmdb', path: join(options.workDir, name) });
  try {
    const store = await DocumentRecommendationStore.open(documents, async (_document, thrown) => {
      throw thrown;
    });
    const update = createUpdateRecommendations(store);
    const sessions = gunzipSync(readFileSync(join(folder, 'train_sessions.txt.gz')))
      .toString('utf8')
      .trim()
      .split('\n');
    options.say(`${name}: counting ${sessions.length} sessions`);
    const started = performance.now();
    const cpuBefore = process.cpuUsage();
    const counts = await Promise.all(
      Array.from({ length: partitions }, (_, partition) => store.load(partition)),
    );
    let views = 0;
    const streams = changesByPartition(sessions);
    for (const [partition, changes] of streams.entries()) {
      const mine = counts[partition];
      if (mine === undefined) throw new Error(`no partition ${partition}`);
      for (let at = 0; at < changes.length; at += batchSize) {
        views += (await update(partition, mine, changes.slice(at, at + batchSize), () => undefined)).counted;
      }
      await store.checkpoint(partition, mine);
    }
    const seconds = (performance.now() - started) / 1000;
    const cpu = process.cpuUsage(cpuBefore);
    const statistics = new ItemStatistics(() => counts);
    return [
      ...answer(name, folder, statistics, startMs + sessions.length * sessionMs),
      { name: `${name}: views counted, durably`, value: views / seconds, unit: 'views/s' },
      {
        name: `${name}: processor time of a view`,
        value: (cpu.user + cpu.system) / views,
        unit: 'µs',
        lessIsBetter: true,
      },
    ];
  } finally {
    await documents.close();
  }
}

/** One change per session, its views a second apart, in the partition of its person. */
function changesByPartition(sessions: readonly string[]): PlacedChange[][] {
  const streams = Array.from({ length: partitions }, (): PlacedChange[] => []);
  for (const [number, session] of sessions.entries()) {
    const profileId = `p_${number}` as ProfileId;
    const stream = streams[fnv1a32(profileId) % partitions];
    const at = new Date(startMs + number * sessionMs).toISOString();
    const change: ProfileChange = {
      profileId,
      version: 1,
      asOf: at,
      transitions: [],
      events: session.split(' ').map((item, index) => ({
        type: 'track',
        event: 'Product Viewed',
        messageId: `${number}-${index}`,
        timestamp: new Date(startMs + number * sessionMs + index).toISOString(),
        receivedAt: at,
        properties: { product_id: item },
      })),
      view: { profileId, identifiers: [], traits: {}, computedTraits: {}, segments: [], consent: {} },
    };
    stream?.push({ offset: stream.length, change });
  }
  return streams;
}

function answer(name: string, folder: string, statistics: ItemStatistics, nowMs: number): Figure[] {
  const random = seededRandom(1);
  const lines = gunzipSync(readFileSync(join(folder, 'test.tsv.gz')))
    .toString('utf8')
    .trim()
    .split('\n');
  const latencies: number[] = [];
  let hits = 0;
  let reciprocal = 0;
  let fresh = 0;
  let freshHits = 0;
  for (let test = 0; test < tests; test++) {
    const [prefix = '', next = ''] = (lines[Math.floor(random() * lines.length)] ?? '').split('\t');
    const seen = [...new Set(prefix.split(' ').reverse())];
    const started = performance.now();
    const ask = (isExcluded: (item: string) => boolean): string[] =>
      coVisitation
        .candidates(
          { nowMs, seeds: seedsOf(seen, []), segments: [], category: '', limit: listLength, isExcluded },
          statistics,
        )
        .map(({ item }) => item);
    const place = ask(() => false).indexOf(next);
    latencies.push(performance.now() - started);
    if (place >= 0) {
      hits++;
      reciprocal += 1 / (place + 1);
    }
    if (!seen.includes(next)) {
      fresh++;
      if (ask((item) => seen.includes(item)).includes(next)) freshHits++;
    }
  }
  latencies.sort((a, b) => a - b);
  return [
    { name: `${name}: P@${listLength}`, value: (100 * hits) / tests, unit: '%' },
    { name: `${name}: MRR@${listLength}`, value: (100 * reciprocal) / tests, unit: '%' },
    {
      name: `${name}: P@${listLength} where the next item is new to the session, without what was seen`,
      value: (100 * freshHits) / fresh,
      unit: '%',
    },
    {
      name: `${name}: time of an answer, p50`,
      value: percentile(latencies, 50),
      unit: 'ms',
      lessIsBetter: true,
    },
    {
      name: `${name}: time of an answer, p99`,
      value: percentile(latencies, 99),
      unit: 'ms',
      lessIsBetter: true,
    },
  ];
}
