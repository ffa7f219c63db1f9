import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { AddressInfo } from 'node:net';
import { Rooms, type Room } from './room.js';
import { runHost } from './run-host.js';

const folder = mkdtempSync(join(tmpdir(), 'rapport-doors-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let letStart = (): void => undefined;
const gate = new Promise<void>((resolve) => (letStart = resolve));

const roomOf = (name: string, start: () => Promise<void>): Room => {
  let isStarted = false;
  return {
    name,
    routes: (http) => void http.get(`/${name}`, { config: { open: 'it says a name' } }, () => ({ name })),
    start: async () => {
      await start();
      isStarted = true;
    },
    readiness: () => Promise.resolve(isStarted ? undefined : 'starting'),
    settle: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  };
};

@Module({
  providers: [
    {
      provide: 'ROOMS',
      inject: [Rooms],
      useFactory: (rooms: Rooms) => [
        rooms.add(roomOf('quick', () => Promise.resolve())),
        rooms.add(roomOf('slow', () => gate)),
      ],
    },
  ],
})
class TwoRooms {}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('a host with a room that is slow to start', () => {
  it('answers at its other doors meanwhile, and at that one when it has started', async () => {
    writeFileSync(join(folder, 'playbook.yaml'), 'name: test\n');
    const port = await freePort();
    const running = runHost({
      service: 'test',
      modules: [TwoRooms],
      environment: {
        RAPPORT_DATA_DIR: join(folder, 'data'),
        RAPPORT_PLAYBOOK_DIR: folder,
        RAPPORT_HTTP_PORT: String(port),
        RAPPORT_GRPC_PORT: '0',
        RAPPORT_METRICS_PORT: '0',
        RAPPORT_LOG_LEVEL: 'silent',
        RAPPORT_WRITE_KEYS: 'web=test-write-key',
        RAPPORT_API_TOKEN: 'test-api-token-of-some-length',
      },
    });
    let failed: Error | undefined;
    running.catch((thrown: Error) => (failed = thrown));
    const statusOf = async (path: string): Promise<number> => {
      for (;;) {
        const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
        if (answer !== undefined) return answer.status;
        if (failed !== undefined) throw failed;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const paths = ['/healthz', '/quick', '/slow', '/readyz'];
    const early: number[] = [];
    for (const path of paths) early.push(await statusOf(path));
    expect(early).toEqual([200, 200, 503, 503]);
    letStart();
    const host = await running;
    const late: number[] = [];
    for (const path of paths) late.push(await statusOf(path));
    expect(late).toEqual([200, 200, 200, 200]);
    await host.stop();
  });
});
