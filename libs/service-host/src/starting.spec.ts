import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { modelsProto } from '@rapport/contracts';
import { createHttpServer } from './http-server.js';
import type { Room } from './room.js';
import { Starting } from './starting.js';

/** A room that answers over HTTP and gRPC. */
const roomOf = (name: string): Room => ({
  name,
  routes: (http) => void http.get(`/${name}`, () => ({ name })),
  grpc: [
    {
      contract: modelsProto.ModelsServiceDefinition,
      implementation: {
        listModels: async () => ({ name }),
      },
      access: {},
    },
  ],
  start: () => Promise.resolve(),
  readiness: () => Promise.resolve(undefined),
  settle: () => Promise.resolve(),
  stop: () => Promise.resolve(),
});

describe('rooms that start one after the other', () => {
  it('answer once they have, each for itself', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.nat(5), async (count, started) => {
        const rooms = Array.from({ length: count }, (_, at) => roomOf(`room${at}`));
        const starting = new Starting(rooms);
        const http = createHttpServer(() => undefined);
        for (const room of rooms) {
          const routes = starting.routesOf(room);
          if (routes) await http.register(routes);
        }
        const address = await http.listen({ port: 0, host: '127.0.0.1' });
        for (const room of rooms.slice(0, started)) starting.started(room);
        for (const [at, room] of rooms.entries()) {
          const isStarted = at < started;
          const answer = await fetch(`${address}/${room.name}`);
          expect(answer.status).toBe(isStarted ? 200 : 503);
          const body: unknown = await answer.json();
          if (!isStarted) expect(body).toMatchObject({ error: { code: 'HOST_STARTING' } });
          const [binding] = starting.grpcOf(room);
          const rpc = binding?.implementation as { listModels: () => Promise<unknown>; score?: unknown };
          expect(rpc.score).toBeUndefined();
          if (isStarted) expect(await rpc.listModels()).toEqual({ name: room.name });
          else expect(() => rpc.listModels()).toThrow(/is starting/);
        }
        if (started >= count) starting.refuse();
        else expect(() => starting.refuse()).toThrow(/is starting; ask again/);
        await http.close();
      }),
      { numRuns: 20 },
    );
  });
});
