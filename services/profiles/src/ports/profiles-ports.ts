import type { BatchLedger } from './batch-ledger.js';
import type { ChangeFeed } from './change-feed.js';
import type { IdentifierIndex, IdentityDirectory } from './identifier-index.js';
import type { PeopleStore } from './people-store.js';
import type { Predictor } from './predictor.js';
import type { ProfilesMeter } from './profiles-meter.js';
import type { SegmentMembers } from './segment-members.js';
import type { Timeline } from './timeline.js';

/** Everything outside that keeping profiles needs. */
export interface ProfilesPorts {
  readonly people: PeopleStore;
  readonly ledger: BatchLedger;
  readonly timeline: Timeline;
  readonly identifiers: IdentifierIndex;
  readonly members: SegmentMembers;
  readonly feed: ChangeFeed;
  readonly directory: IdentityDirectory;
  readonly predictor: Predictor;
  readonly meter: ProfilesMeter;
  /** The present instant; dates refusals. */
  readonly now: () => number;
}
