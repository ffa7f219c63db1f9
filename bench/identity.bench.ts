import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { encodeJson, topics, type AcceptedEvent } from '@rapport/contracts';
import { openDocumentStore } from '@rapport/document-store';
import { openEventLog, type EventLog } from '@rapport/event-log';
import { createIdentityRoom } from '@rapport/identity';
import { identifier, seededRandom, systemClock } from '@rapport/kernel';
import { createCalls, type Host, type Room } from '@rapport/service-host';
import { createTelemetry } from '@rapport/telemetry';
import type { Benchmark, BenchmarkOptions, Figure } from './report.js';

const people = 5_000;
/** Events appended at once, and per million of the figures below. */
const chunk = 5_000;
const startMs = Date.parse('2026-03-01T08:00:00.000Z');

/** How many events a second the identity room alone takes from log to log. */
export const identity: Benchmark = {
  name: 'identity',
  title: 'Identity room alone: accepted in, identified out',
  run: async (options) => ({
    name: 'identity',
    title: identity.title,
    setup: `one process, one thread, embedded log and store, every append durable; 700-byte events of ${people.toLocaleString('en-US')} people with an account, two devices and an e-mail address each, in random order`,
    figures: await measure(options),
  }),
};

async function measure(options: BenchmarkOptions): Promise<Figure[]> {
  const log = await openEventLog({ kind: 'lmdb', path: join(options.workDir, 'log') });
  await log.ensureTopics(Object.values(topics));
  const store = await openDocumentStore({ kind: 'lmdb', path: join(options.workDir, 'store') });
  const room = createIdentityRoom(hostOf(log, store));
  const events = eventsOf(seededRandom(7));
  try {
    const drain = async (warmUp: number, count: number): Promise<{ rate: number; cpuMicros: number }> => {
      for (let left = warmUp + count; left > 0; left -= chunk)
        await append(log, events, Math.min(left, chunk));
      const before = await identified(room);
      await room.start();
      let done = 0;
      while (warmUp > 0 && (done = (await identified(room)) - before) < warmUp) await pause(5);
      const startedMs = performance.now();
      const cpu = process.cpuUsage();
      await room.settle();
      const { user, system } = process.cpuUsage(cpu);
      const rate = ((warmUp + count - done) * 1000) / (performance.now() - startedMs);
      await room.stop();
      return { rate, cpuMicros: (user + system) / (warmUp + count - done) };
    };
    options.say('identity: people that are new');
    const cold = await drain(0, 20_000);
    options.say('identity: people that are known');
    const restarted = await drain(0, 20_000);
    const rate = Math.max(restarted.rate, 10_000);
    const warm = await drain(30_000, Math.round(rate * options.seconds));
    return [
      { name: 'new people: four identifiers learnt each', value: cold.rate, unit: 'events/s' },
      { name: 'known people, first read after a restart', value: restarted.rate, unit: 'events/s' },
      { name: 'new people: processor time', value: cold.cpuMicros, unit: 'µs/event', lessIsBetter: true },
      { name: 'known people: processor time', value: warm.cpuMicros, unit: 'µs/event', lessIsBetter: true },
      { name: 'known people', value: warm.rate, unit: 'events/s', floor: 30_000 },
    ];
  } finally {
    await log.close();
    await store.close();
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function identified(room: Room): Promise<number> {
  const status = (await room.status?.()) as { identity: { identified: number } };
  return status.identity.identified;
}

function hostOf(log: EventLog, store: Host['store']): Host {
  return {
    clock: systemClock,
    random: seededRandom(1),
    log,
    // Each start of the room opens its collections; the store opens each but once.
    store: remembering(store),
    telemetry: createTelemetry({ service: 'bench', level: 'silent' }),
    playbook: {
      name: 'bench',
      version: '1',
      holdout: 0,
      identity: {},
      trackingPlan: [],
      computedTraits: [],
      segments: [],
      tactics: [],
      journeys: [],
      placements: [],
      channels: [],
    },
    credentials: { sources: new Map(), apiToken: '', generated: false },
    calls: createCalls({ addressOf: () => undefined, apiToken: '' }),
    environment: {},
    loopback: true,
    httpUrl: () => 'http://127.0.0.1:8080',
  };
}

function remembering(store: Host['store']): Host['store'] {
  const opened = new Map<string, ReturnType<Host['store']['collection']>>();
  return {
    collection: (declaration) => {
      const known = opened.get(declaration.name) ?? store.collection(declaration as never);
      opened.set(declaration.name, known);
      return known as never;
    },
    close: () => store.close(),
  };
}

function* eventsOf(random: () => number): Generator<AcceptedEvent> {
  for (let n = 0; ; n++) {
    const person = Math.floor(random() * people);
    const [user, device, email] = [
      identifier('user_id', `u${person}`),
      identifier('anonymous_id', `d${person}-${random() < 0.5 ? 1 : 2}`),
      identifier('email', `u${person}@example.com`),
    ];
    const kind = random();
    const identifiers = kind < 0.4 ? [device] : kind < 0.9 ? [user, device] : [user, device, email];
    const timestamp = new Date(startMs + n).toISOString();
    yield {
      type: 'track',
      messageId: `m-${n}`,
      origin: identifiers[0] ?? user,
      identifiers,
      event: 'Product Viewed',
      properties: { product_id: `p${n % 800}`, category: 'shoes', price: 19.99, padding: 'x'.repeat(330) },
      timestamp,
      receivedAt: timestamp,
      source: 'web',
    };
  }
}

async function append(log: EventLog, events: Generator<AcceptedEvent>, count: number): Promise<void> {
  const records = [];
  for (let n = 0; n < count; n++) {
    const { value: event } = events.next() as { value: AcceptedEvent };
    records.push({ key: event.origin, value: encodeJson(event), headers: { ce_id: event.messageId } });
  }
  await log.append(topics.accepted.name, records);
}
