import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clusterServices, runCluster, type RunClusterOptions } from './run-cluster.js';

const root = mkdtempSync(join(tmpdir(), 'rapport-cluster-'));
// What a service does as far as its supervisor can see.
const service = `
  const address = 'http://127.0.0.1:9';
  process.once('disconnect', () => process.exit());
  process.send({ kind: 'ready', httpUrl: address, grpcAddress: address, metricsUrl: address });`;
beforeAll(() => {
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  for (const name of clusterServices) {
    mkdirSync(join(root, 'services', name, 'dist'), { recursive: true });
    writeFileSync(join(root, 'services', name, 'dist/main.js'), service);
  }
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Every pid that a cluster ever told. */
function watched(): { onChange: NonNullable<RunClusterOptions['onChange']>; pids: Set<number> } {
  const pids = new Set<number>();
  return {
    pids,
    onChange: (processes) => {
      for (const { pid } of processes) if (pid !== undefined) pids.add(pid);
    },
  };
}

const options = { root, environment: {}, httpPort: 0, graceMs: 5_000, spare: false } as const;

describe('a cluster', () => {
  it('leaves no process behind when its HTTP port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { onChange, pids } = watched();
    try {
      await expect(runCluster({ ...options, httpPort: port, onChange })).rejects.toMatchObject({
        code: 'EADDRINUSE',
        port,
      });
      expect([...pids].filter(isAlive)).toEqual([]);
    } finally {
      for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      taken.close();
    }
  });

  it('leaves no process behind when it is asked for more replicas than it has ports', async () => {
    const { onChange, pids } = watched();
    await expect(runCluster({ ...options, replicas: { orchestrator: 9 }, onChange })).rejects.toThrow(
      'replicas of orchestrator: expected a whole number from 1 to 8; got 9',
    );
    expect(pids.size).toBe(4);
    expect([...pids].filter(isAlive)).toEqual([]);
  });
});
