import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventLogContract } from './event-log.contract.js';
import { openLmdbEventLog } from './lmdb-event-log.js';

eventLogContract(
  'LMDB',
  async () => {
    const path = await mkdtemp(join(tmpdir(), 'rapport-log-'));
    return {
      open: () => openLmdbEventLog({ path }),
      dispose: () => rm(path, { recursive: true, force: true }),
    };
  },
  { ordersTopics: true, handoverMs: 5_000 },
);
