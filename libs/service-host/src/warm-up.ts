import { loadDocumentStoreDriver } from '@rapport/document-store';
import { loadEventLogDriver } from '@rapport/event-log';
import { prepareSchemaCheck } from '@rapport/playbook';
import type { HostConfig } from './host.config.js';

/** Loads everything that a process needs that is going to run a service, and opens nothing. */
export async function warmUp(
  config: Pick<HostConfig, 'RAPPORT_EVENT_LOG' | 'RAPPORT_DOCUMENT_STORE'>,
): Promise<void> {
  await loadEventLogDriver(config.RAPPORT_EVENT_LOG);
  await loadDocumentStoreDriver(config.RAPPORT_DOCUMENT_STORE);
  prepareSchemaCheck();
}
