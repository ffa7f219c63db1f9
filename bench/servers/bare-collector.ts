// What the parts alone can do: Fastify and LMDB, parse, append, flush, answer. No keys, no checks, no verdicts.
import type { AddressInfo } from 'node:net';
import { fastify } from 'fastify';
import { open } from 'lmdb';

const dir = process.argv[2];
if (dir === undefined) throw new Error('expected a folder');
// A put resolves when it is on disk.
const log = open<Buffer, number>({
  path: `${dir}/collector`,
  encoding: 'binary',
  keyEncoding: 'uint32',
  overlappingSync: false,
});
const http = fastify({ bodyLimit: 1 << 20 });
let next = 0;

http.post<{ Body: object }>('/collect', async (request) => {
  await log.put(next++, Buffer.from(JSON.stringify(request.body)));
  return { success: true };
});
http.post<{ Body: { batch: object[] } }>('/collect-batch', async (request) => {
  let last: Promise<boolean> | undefined;
  for (const event of request.body.batch) last = log.put(next++, Buffer.from(JSON.stringify(event)));
  await last;
  return { success: true };
});

await http.listen({ port: 0, host: '127.0.0.1' });
process.once('disconnect', () => process.exit(0));
process.send?.({ kind: 'ready', port: (http.server.address() as AddressInfo).port });
