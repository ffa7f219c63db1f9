import type { Type } from '@nestjs/common';
import { IdentityModule } from '@rapport/identity';
import { IngestionModule } from '@rapport/ingestion';
import { ModelServingModule } from '@rapport/model-serving';
import { OrchestratorModule } from '@rapport/orchestrator';
import { ProfilesModule } from '@rapport/profiles';
import { runHost, type RunningHost } from '@rapport/service-host';

/** The five services by name, in the order of an event's path. */
export const serviceModules = {
  ingestion: IngestionModule,
  identity: IdentityModule,
  profiles: ProfilesModule,
  'model-serving': ModelServingModule,
  orchestrator: OrchestratorModule,
} as const satisfies Record<string, Type>;

/** Names of the services that `--service` takes. */
export type ServiceName = keyof typeof serviceModules;

/** Runs all five services in this process, or only the one named. */
export async function runPlatform(
  environment: Readonly<Record<string, string | undefined>>,
  only?: ServiceName,
): Promise<RunningHost> {
  return await runHost({
    service: only ?? 'platform',
    modules: only === undefined ? Object.values(serviceModules) : [serviceModules[only]],
    environment,
  });
}
