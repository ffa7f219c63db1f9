import { runService } from '@rapport/service-host';
import { OrchestratorModule } from './orchestrator.module.js';

await runService('orchestrator', OrchestratorModule);
