import type { Rejection } from '@rapport/contracts';
import type { ProfileId } from '@rapport/kernel';
import type { PersonDocument } from '../domain/person-document.js';
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
  /** Puts into `events.rejected.v1` what this room cannot take; resolves when it is durable. */
  readonly reject: (rejections: readonly Rejection[]) => Promise<void>;
  /** The same for the document of a person that this room cannot go on with. */
  readonly rejectPerson: (id: ProfileId, document: PersonDocument, thrown: unknown) => Promise<void>;
  /** The present instant. */
  readonly now: () => number;
}
