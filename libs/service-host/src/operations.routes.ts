import type { FastifyInstance } from 'fastify';
import { messageOf, RapportError, VirtualClock } from '@rapport/kernel';
import type { EngineHealth } from './engine-health.js';
import { rejectedByStage } from './rejections.js';
import type { Host, Room } from './room.js';

export interface Operations {
  readonly host: Host;
  readonly rooms: readonly Room[];
  readonly health: EngineHealth;
  readonly startedAtMs: number;
  /** Resolves when every room has settled and nothing new was written meanwhile; answers what the topics hold then. */
  settle(): Promise<string>;
}

/** Why health routes ask for no token. */
const probes = 'probes carry no token, and it says nothing about anybody';

/** What operators ask any process: alive, ready, how it stands; and, in virtual time, to move the clock. */
export function mountOperations(http: FastifyInstance, operations: Operations): void {
  const { host, rooms, health } = operations;
  http.get('/healthz', { config: { open: probes } }, () => ({ status: 'alive' }));

  http.get('/readyz', { config: { open: probes } }, async (_request, reply) => {
    const waiting = await notReady(rooms, health);
    if (waiting.length > 0) reply.code(503);
    return waiting.length > 0 ? { status: 'waiting', waiting } : { status: 'ready' };
  });

  http.get('/v1/status', { config: { action: 'operate' } }, async () => {
    const parts = await Promise.all(rooms.map((room) => room.status?.() ?? Promise.resolve({})));
    const uptimeSeconds = Math.round((Date.now() - operations.startedAtMs) / 1000);
    return Object.assign(
      {
        uptimeSeconds,
        now: new Date(host.clock.now()).toISOString(),
        playbook: host.playbook.name,
        rejected: await rejectedByStage(host),
        lags: await health.lags(),
      },
      ...parts,
    );
  });

  // Settles, moves, settles again. `settle: false` only moves: for a gateway, which moves all clocks before any room settles.
  const clock = { config: { action: 'clock.move' } } as const;
  http.post<{ Body: { advanceTo?: unknown; settle?: unknown } | null }>(
    '/v1/clock',
    clock,
    async (request) => {
      if (!(host.clock instanceof VirtualClock)) {
        throw new RapportError(
          'CLOCK_NOT_VIRTUAL',
          'conflict',
          'the clock can be moved only when the platform was started with RAPPORT_CLOCK=virtual',
        );
      }
      const wanted = request.body?.advanceTo;
      const settles = request.body?.settle !== false;
      if (wanted !== undefined) {
        const instant = typeof wanted === 'string' ? Date.parse(wanted) : NaN;
        if (Number.isNaN(instant)) {
          throw new RapportError(
            'CLOCK_INSTANT_INVALID',
            'invalid',
            `advanceTo: expected an ISO 8601 instant; got ${JSON.stringify(wanted)}`,
          );
        }
        if (settles) await operations.settle();
        host.clock.advanceTo(instant);
      }
      const written = settles ? await operations.settle() : undefined;
      return { now: new Date(host.clock.now()).toISOString(), written };
    },
  );
}

/** One line per room that is not ready, and for each place where an engine does not do its part. */
export async function notReady(rooms: readonly Room[], health: EngineHealth): Promise<string[]> {
  const answers = await Promise.all(
    rooms.map(async (room) => {
      const why = await readinessOf(room);
      return why === undefined ? undefined : `${room.name}: ${why}`;
    }),
  );
  return [...answers.filter((line) => line !== undefined), ...health.lines()];
}

/** A room that asks an engine for its lag must not keep the question waiting when the engine is what is wrong. */
async function readinessOf(room: Room): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('an answer from its engines'), readinessMs);
  });
  try {
    return await Promise.race([room.readiness(), late]);
  } catch (thrown) {
    return messageOf(thrown);
  } finally {
    clearTimeout(timer);
  }
}

/** Below what health checks wait for an answer. */
const readinessMs = 2_000;
