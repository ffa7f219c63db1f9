import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCalls, runHost, type Calls, type RunningHost } from '@rapport/service-host';
import { ModelServingModule } from '../model-serving.module.js';

/** The token of a test host. */
export const apiToken = 'test-api-token';

/** This service alone behind its real doors, on free ports. */
export interface ServingHost {
  readonly running: RunningHost;
  /** Over gRPC. */
  readonly calls: Calls;
  readonly dataDir: string;
  stop(): Promise<void>;
}

/** Starts it over a model repository; the playbook has two computed traits. */
export async function startServing(modelsDir: string): Promise<ServingHost> {
  const dataDir = mkdtempSync(join(tmpdir(), 'rapport-serving-'));
  const playbookDir = mkdtempSync(join(tmpdir(), 'rapport-playbook-'));
  writeFileSync(join(playbookDir, 'playbook.yaml'), 'name: test\n');
  writeFileSync(
    join(playbookDir, 'traits.yaml'),
    `- { name: orders_count, title: Orders, kind: count, on: { event: Order Completed } }
- { name: views_7d, title: Views, kind: count, on: { event: Product Viewed }, window: 7d }
`,
  );
  const running = await runHost({
    service: 'model-serving',
    modules: [ModelServingModule],
    environment: {
      RAPPORT_DATA_DIR: dataDir,
      RAPPORT_PLAYBOOK_DIR: playbookDir,
      RAPPORT_MODELS_DIR: modelsDir,
      RAPPORT_HTTP_PORT: '0',
      RAPPORT_GRPC_PORT: '0',
      RAPPORT_METRICS_PORT: '0',
      RAPPORT_LOG_LEVEL: 'silent',
      RAPPORT_WRITE_KEYS: 'web=test-write-key',
      RAPPORT_API_TOKEN: apiToken,
    },
  });
  const calls = createCalls({ addressOf: () => running.grpcAddress, apiToken });
  // Models are loaded beside the start; settled is when they have been.
  await running.settle();
  return {
    running,
    calls,
    dataDir,
    stop: async () => {
      calls.close();
      await running.stop();
      rmSync(dataDir, { recursive: true, force: true });
      rmSync(playbookDir, { recursive: true, force: true });
    },
  };
}
