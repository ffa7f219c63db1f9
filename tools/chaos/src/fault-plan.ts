// What goes wrong while a seed's load is sent: fixed by the seed, counted in events sent, so that the same seed says the
// same plan. The instant at which a fault meets the work is the machine's, as in life.
import type { Load } from './load.js';
import { SeededRandom } from './seeded-random.js';

export const killableServices = ['ingestion', 'identity', 'profiles', 'orchestrator'] as const;
export type KillableService = (typeof killableServices)[number];

export type Fault =
  | { readonly kind: 'kill-service'; readonly service: KillableService; readonly draw: number }
  | { readonly kind: 'kill-kafka' }
  | { readonly kind: 'kill-store' }
  | { readonly kind: 'scale-profiles'; readonly replicas: number }
  | { readonly kind: 'cut'; readonly engine: 'kafka' | 'store' }
  | {
      readonly kind: 'cut-after';
      readonly engine: 'kafka' | 'store';
      readonly bytes: number;
      readonly direction: 'sent' | 'received';
    };

/** A fault, due when so many events of the load have been sent (acknowledged or not). */
export type PlannedFault = { readonly afterEvents: number } & Fault;

/** Counted as kills: a process that was ended with SIGKILL. */
export const isKill = ({ kind }: Fault): boolean => kind.startsWith('kill-');

/** `kills` kills, from two on one of Kafka and one of the store among them, replicas of profiles 1 → 3 → 2, and four cut connections. */
export function planFaults(load: Load, kills: number): readonly PlannedFault[] {
  const random = new SeededRandom(load.seed + 7_919);
  // A third are engines; one alone is a service.
  const engines = kills < 2 ? 0 : Math.max(2, Math.round(kills / 3));
  const victims: Fault[] = Array.from({ length: kills }, (_, number) => victim(number, engines, random));
  const cuts: Fault[] = [
    { kind: 'cut', engine: 'kafka' },
    { kind: 'cut', engine: 'store' },
    ...(['kafka', 'store'] as const).map((engine): Fault => ({
      kind: 'cut-after',
      engine,
      bytes: random.between(100, 50_000),
      direction: random.pick(['sent', 'received']),
    })),
  ];
  const others = random.shuffled([...victims, ...cuts]);
  const planned = others.map((fault, index): PlannedFault => {
    const share = (index + 0.2 + 0.6 * random.next()) / others.length;
    return { ...fault, afterEvents: Math.round(share * load.events) };
  });
  // The last kill falls where nothing is sent any more and the clock moves: timers fire meanwhile.
  const ends = load.phases.map((phase) => phase.batches.flat().length);
  const boundary = random.between(1, ends.length - 1);
  const timed = planned.findLast(isKill);
  if (timed !== undefined) {
    const afterEvents = ends.slice(0, boundary).reduce((sum, count) => sum + count, 0);
    planned[planned.indexOf(timed)] = { ...timed, afterEvents };
  }
  planned.push({ kind: 'scale-profiles', replicas: 3, afterEvents: Math.round(load.events * 0.25) });
  planned.push({ kind: 'scale-profiles', replicas: 2, afterEvents: Math.round(load.events * 0.6) });
  return planned.sort((one, other) => one.afterEvents - other.afterEvents);
}

/** The first ones are the engines, turn by turn; the others are services, the stateful ones more often. */
function victim(number: number, engines: number, random: SeededRandom): Fault {
  if (number < engines) return { kind: number % 2 === 0 ? 'kill-kafka' : 'kill-store' };
  const service = random.pick([...killableServices, 'profiles', 'identity', 'orchestrator'] as const);
  return { kind: 'kill-service', service, draw: random.next() };
}

/** One line of the log. */
export function faultLine(fault: PlannedFault): string {
  const { afterEvents, kind, ...rest } = fault;
  const details = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === 'number' ? Number(value.toFixed(3)) : value}`,
  );
  return `after ${afterEvents} events: ${[kind, ...details].join(' ')}`;
}
