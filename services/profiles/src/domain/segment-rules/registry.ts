import { all } from './all.js';
import { any } from './any.js';
import { computed } from './computed.js';
import { consent } from './consent.js';
import { did } from './did.js';
import { not } from './not.js';
import { prediction } from './prediction.js';
import { seen } from './seen.js';
import { segment } from './segment.js';
import type { SegmentRuleKind } from './segment-rule-kind.js';
import { sequence } from './sequence.js';
import { trait } from './trait.js';

/** Every kind of segment rule. A new one is a file here and a line below. */
export const segmentRuleKinds: readonly SegmentRuleKind[] = [
  all,
  any,
  not,
  did,
  sequence,
  trait,
  computed,
  consent,
  segment,
  prediction,
  seen,
];
