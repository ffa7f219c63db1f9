import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { HttpLoad, HttpLoadResult } from './http-load.js';

/** Runs one load in a process of its own and answers what it saw. */
export async function startLoad(load: HttpLoad): Promise<HttpLoadResult> {
  const child = fork(fileURLToPath(new URL('./http-load.js', import.meta.url)), [], {
    serialization: 'advanced',
  });
  try {
    return await new Promise<HttpLoadResult>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the load generator ended with ${code ?? 'a signal'}`)));
      child.on('message', (message: HttpLoadResult | 'ready') => {
        if (message === 'ready') child.send(load);
        else resolve(message);
      });
    });
  } finally {
    child.disconnect();
  }
}
