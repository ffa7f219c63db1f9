// The ingestion service as it runs in a cluster, on the embedded log: nothing reads what it appends.
import { IngestionModule } from '@rapport/ingestion';
import { runHost } from '@rapport/service-host';

const running = await runHost({ service: 'ingestion', modules: [IngestionModule], environment: process.env });
process.once('disconnect', () => process.exit(0));
process.send?.({ kind: 'ready', port: Number(new URL(running.httpUrl).port), grpc: running.grpcAddress });
