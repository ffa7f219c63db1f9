import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { freePorts } from './free-ports.js';

describe('free ports', () => {
  it('are all different, can be listened on, and are none that outgoing connections are given', async () => {
    const ports = await freePorts(40);
    expect(new Set(ports).size).toBe(40);
    for (const port of ports) {
      expect(port).toBeLessThan(32_768);
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', resolve);
      });
      expect((server.address() as AddressInfo).port).toBe(port);
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
