export { runSeed, waysToRun, type RunSeedOptions, type SeedReport, type WayToRun } from './run-seed.js';
export { makeLoad, type Load, type Sent } from './load.js';
export { planFaults, type PlannedFault } from './fault-plan.js';
export { wakeZombie, type ZombieReport } from './wake-zombie.js';
export { compareDigests, type CompareDigestsOptions, type DigestsReport } from './digests/compare-digests.js';
export { monthInput, type MonthInputOptions } from './digests/month-input.js';
export { onlineRetailInput, type OnlineRetailInputOptions } from './digests/online-retail-input.js';
