import type { Type } from '@nestjs/common';
import type { Admission } from '@rapport/event-log';
import { messageOf, RapportError } from '@rapport/kernel';
import { runHost, type RunningHost } from './run-host.js';

/** How long at least one group was asked and had not answered: groups that are asked side by side count once. */
function coveredMs(admissions: readonly Admission[]): number {
  let covered = 0;
  let upToMs = -Infinity;
  for (const { askedAtMs, joinedAtMs } of [...admissions].sort((a, b) => a.askedAtMs - b.askedAtMs)) {
    covered += Math.max(0, joinedAtMs - Math.max(askedAtMs, upToMs));
    upToMs = Math.max(upToMs, joinedAtMs);
  }
  return covered;
}

/** `main.ts` of a service: starts it, says where it listens, stops on SIGTERM and SIGINT; exits 1 when it cannot start. */
export async function runService(service: string, module: Type): Promise<void> {
  const wasForked = process.connected;
  let running: RunningHost;
  try {
    running = await runHost({ service, modules: [module], environment: process.env });
  } catch (thrown) {
    process.stderr.write(
      `${service} did not start: ${thrown instanceof RapportError ? `${thrown.code}: ` : ''}${messageOf(thrown)}\n`,
    );
    process.exitCode = 1;
    if (process.connected) process.disconnect();
    return;
  }
  const { log } = running.host.telemetry;
  const { httpUrl, grpcAddress, metricsUrl } = running;
  // Who forked this may be gone by now: the stop for that is further down.
  if (process.connected) process.send?.({ kind: 'ready', httpUrl, grpcAddress, metricsUrl });
  void running.host.log.admitted?.().then((admissions) => {
    const joinMs = coveredMs(admissions);
    if (process.connected) process.send?.({ kind: 'consuming', joinMs });
  });
  log.info({ http: running.httpUrl, grpc: running.grpcAddress, metrics: running.metricsUrl }, 'listening');
  const stop = (signal: string): void => {
    log.info({ signal }, 'stopping');
    // An engine that does not answer must not hold the process: what is not committed is delivered to the next one again.
    setTimeout(() => {
      log.warn(
        { graceMs: running.stopGraceMs },
        'the stop took longer than RAPPORT_STOP_GRACE; leaving without',
      );
      process.exit(1);
    }, running.stopGraceMs).unref();
    running.stop().then(
      () => process.exit(0),
      (thrown: unknown) => {
        log.error({ err: thrown }, 'the stop failed');
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', () => stop('SIGTERM'));
  process.once('SIGINT', () => stop('SIGINT'));
  // A parent that forked this and is gone will not stop it otherwise.
  process.once('disconnect', () => stop('disconnect'));
  if (wasForked && !process.connected) stop('disconnect');
}
