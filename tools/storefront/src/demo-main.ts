import { messageOf } from '@rapport/kernel';
import { loadPlaybook } from '@rapport/playbook';
import { shopTermsOf } from './domain/playbook-terms.js';
import { startDemoShop } from './live/demo-shop.js';
import { readDemoShopConfig } from './storefront.config.js';

// The demo shop in a process of its own, so that it never holds up the platform's event loop.
const closing = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT', 'disconnect'] as const)
  process.once(signal, () => closing.abort());
const tell = (message: object): void => {
  if (process.connected) process.send?.(message);
};
try {
  const { playbookDir, ...config } = readDemoShopConfig(process.env);
  const terms = shopTermsOf(await loadPlaybook(playbookDir));
  await startDemoShop({
    ...config,
    terms,
    signal: closing.signal,
    onDecision: (decision) => tell({ kind: 'decision', decision }),
    onTrouble: (message) => tell({ kind: 'trouble', message }),
  });
} catch (thrown) {
  if (!closing.signal.aborted) {
    process.stderr.write(`the demo shop ended: ${messageOf(thrown)}\n`);
    process.exitCode = 1;
  }
}
if (process.connected) process.disconnect();
