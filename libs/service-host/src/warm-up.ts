import { resolve } from 'node:path';
import swagger from '@fastify/swagger';
import { loadPlaybook } from '@rapport/playbook';
import { openEngines } from './engines.js';
import type { HostConfig } from './host.config.js';
import { createHttpServer } from './http-server.js';

/**
 * Rehearses a start for a process that is going to run a service: reads the playbook, prepares HTTP, and opens and
 * closes engines that others may have open too, so that their code is loaded and has run once. Changes nothing, keeps
 * nothing, and does not mind what is missing: that is told at the start.
 */
export async function warmUp(config: HostConfig): Promise<void> {
  const opened: { close(): Promise<void> | void }[] = [];
  const http = createHttpServer(() => undefined);
  await Promise.allSettled([
    config.RAPPORT_EVENT_LOG === 'kafka' && config.RAPPORT_DOCUMENT_STORE === 'mongodb'
      ? openEngines({ ...config, RAPPORT_TOPICS: 'check' }, opened)
      : undefined,
    loadPlaybook(resolve(config.RAPPORT_PLAYBOOK_DIR)),
    http.register(swagger, { openapi: { info: { title: 'Rapport', version: '1' } } }).ready(),
  ]);
  await Promise.allSettled([...opened.map((part) => part.close()), http.close()]);
}
