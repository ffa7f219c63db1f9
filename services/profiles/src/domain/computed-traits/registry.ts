import { count } from './count.js';
import { first } from './first.js';
import { last } from './last.js';
import { max } from './max.js';
import { mean } from './mean.js';
import { min } from './min.js';
import { mostFrequent } from './most-frequent.js';
import { sum } from './sum.js';
import { timeSince } from './time-since.js';
import type { TraitKind } from './trait-kind.js';
import { uniqueCount } from './unique-count.js';
import { uniqueList } from './unique-list.js';

/** Every kind of computed trait. A new one is a file here and a line below. */
export const traitKinds: readonly TraitKind[] = [
  count,
  sum,
  min,
  max,
  mean,
  first,
  last,
  mostFrequent,
  uniqueList,
  uniqueCount,
  timeSince,
];
