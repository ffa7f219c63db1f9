export { createIngestionRoom, IngestionModule } from './ingestion.module.js';
