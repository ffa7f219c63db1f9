import type { FastifyInstance } from 'fastify';
import { RapportError } from '@rapport/kernel';
import type { GrpcBinding } from './grpc-server.js';
import type { Room } from './room.js';

type Method = (...given: unknown[]) => unknown;

/**
 * Rooms that have not started yet. Doors are open before they have, so that what is slow in one holds up nobody at
 * another; whoever asks a room too early is told to come again.
 */
export class Starting {
  readonly #rooms: Set<Room>;

  constructor(rooms: readonly Room[]) {
    this.#rooms = new Set(rooms);
  }

  started(room: Room): void {
    this.#rooms.delete(room);
  }

  /** Throws HOST_STARTING while the room, or without one any room, has not started. */
  refuse(room?: Room): void {
    if (this.#rooms.size === 0 || (room !== undefined && !this.#rooms.has(room))) return;
    const names = room === undefined ? [...this.#rooms].map(({ name }) => name).join(', ') : room.name;
    throw new RapportError('HOST_STARTING', 'unavailable', `${names} is starting; ask again in a moment`);
  }

  /** The routes of a room, which answer once it has started. */
  routesOf(room: Room): ((http: FastifyInstance) => Promise<void>) | undefined {
    const { routes } = room;
    if (routes === undefined) return undefined;
    return async (http) => {
      http.addHook('onRequest', (_request, _reply, done) => {
        try {
          this.refuse(room);
          done();
        } catch (thrown) {
          done(thrown as Error);
        }
      });
      await routes(http);
    };
  }

  /** The RPCs of a room as others reach them. */
  grpcOf(room: Room): readonly GrpcBinding[] {
    return (room.grpc ?? []).map((binding) => {
      const all = binding.implementation as Readonly<Record<string, Method | undefined>>;
      const implementation: Record<string, Method> = {};
      for (const key of Object.keys(binding.contract.methods)) {
        const method = all[key];
        if (method === undefined) continue;
        implementation[key] = (...given) => {
          this.refuse(room);
          return method.apply(all, given);
        };
      }
      return { ...binding, implementation };
    });
  }
}
