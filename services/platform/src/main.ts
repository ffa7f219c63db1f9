import { messageOf, RapportError } from '@rapport/kernel';
import { runPlatform } from './platform.js';

// All five services in one process. A parent that forked this is told where it listens.
try {
  const running = await runPlatform(process.env);
  const { httpUrl, grpcAddress, metricsUrl } = running;
  running.host.telemetry.log.info({ http: httpUrl, grpc: grpcAddress, metrics: metricsUrl }, 'listening');
  process.send?.({ kind: 'ready', httpUrl, grpcAddress, metricsUrl });
  const stop = (): void => void running.stop().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.once('disconnect', stop);
} catch (thrown) {
  const line = `${thrown instanceof RapportError ? `${thrown.code}: ` : ''}${messageOf(thrown)}`;
  process.stderr.write(`the platform did not start: ${line}\n`);
  process.send?.({ kind: 'failed', reason: line });
  process.exitCode = 1;
  process.disconnect?.();
}
