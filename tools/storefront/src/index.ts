export { shopTermsOf, type ShopTerms } from './domain/playbook-terms.js';
export type { TrueLift } from './domain/lift-truth.js';
export { Shop, type ShopOptions } from './domain/shop.js';
export type { ShopEvent } from './domain/shop-events.js';
export { runMonth, type MonthOptions, type MonthReport, type TacticComparison } from './virtual/run-month.js';
export { PlatformDoor, type PlatformAddress } from './doors/platform-door.js';
export { startDemoShop, type DemoShopOptions, type ShownDecision } from './live/demo-shop.js';
export { startDemoShopProcess, type DemoShopProcess } from './live/demo-process.js';
export {
  startLiveTerminal,
  type LiveTerminal,
  type LiveTerminalOptions,
  type TerminalOutput,
} from './live/live-terminal.js';
export type { DemoShopConfig } from './storefront.config.js';
export { compareLifts, coverageTable, type Cell, type TacticRow } from './verdict/coverage.js';
