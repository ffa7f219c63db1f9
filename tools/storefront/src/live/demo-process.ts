import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { demoShopEnvironment, type DemoShopConfig } from '../storefront.config.js';
import type { ShownDecision } from './demo-shop.js';

/** A demo shop that runs beside this process. */
export interface DemoShopProcess {
  /** The newest decisions, newest first; at most 20. */
  recent(): readonly ShownDecision[];
  /** What went wrong last, until something goes well again. */
  trouble(): string | undefined;
  /** Resolves with the exit code when the shop has closed, asked or not. */
  readonly closed: Promise<number | null>;
  /** Closes it; waits at most 3 s, then insists. */
  stop(): Promise<void>;
}

const keptDecisions = 20;
const patienceMs = 3_000;

type Told =
  | { readonly kind: 'decision'; readonly decision: ShownDecision }
  | { readonly kind: 'trouble'; readonly message: string };

/** Opens the demo shop in a process of its own, so that it does not disturb the event loop of the platform. */
export function startDemoShopProcess(config: DemoShopConfig): DemoShopProcess {
  const child = fork(mainFile(), [], {
    env: { ...process.env, NODE_OPTIONS: '', ...demoShopEnvironment(config) },
  });
  let recent: readonly ShownDecision[] = [];
  let trouble: string | undefined;
  child.on('message', (told: Told) => {
    if (told.kind === 'trouble') trouble = told.message;
    else {
      trouble = undefined;
      recent = [told.decision, ...recent].slice(0, keptDecisions);
    }
  });
  const closed = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.once('error', () => resolve(null));
  });
  return {
    recent: () => recent,
    trouble: () => trouble,
    closed,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const insist = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      await closed;
      clearTimeout(insist);
    },
  };
}

/** Also when this runs from the sources (tests), the process runs what was built. */
function mainFile(): string {
  const beside = fileURLToPath(new URL('../demo-main.js', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/demo-main.js', import.meta.url));
}
