import { runService } from '@rapport/service-host';
import { IngestionModule } from './ingestion.module.js';

await runService('ingestion', IngestionModule);
