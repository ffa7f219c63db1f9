import { didYouMean } from '../problem.js';
import type { SegmentRule } from '../definitions.js';
import type { Path } from '../source-file.js';
import type { DefinitionSet, Located } from './definition-set.js';

export function checkSegments(set: DefinitionSet): void {
  const references = new Map<string, string[]>();
  for (const segment of set.of('segments')) {
    const mentioned: string[] = [];
    checkRule(set, segment, ['when'], segment.value.when, mentioned);
    references.set(segment.value.name, mentioned);
  }
  for (const segment of set.of('segments')) {
    const circle = circleFrom(segment.value.name, references);
    if (circle !== undefined) {
      set.tell(
        segment,
        ['when'],
        `expected segments that do not lead back to themselves; came ${circle.join(' → ')}. Take one of these references out.`,
      );
    }
  }
}

function checkRule(
  set: DefinitionSet,
  segment: Located<unknown>,
  path: Path,
  rule: SegmentRule,
  mentioned: string[],
): void {
  if ('all' in rule)
    rule.all.forEach((each, index) => checkRule(set, segment, [...path, 'all', index], each, mentioned));
  else if ('any' in rule)
    rule.any.forEach((each, index) => checkRule(set, segment, [...path, 'any', index], each, mentioned));
  else if ('not' in rule) checkRule(set, segment, [...path, 'not'], rule.not, mentioned);
  else if ('did' in rule) {
    set.filter(segment, [...path, 'did'], rule.did);
    set.span(segment, [...path, 'did', 'within'], rule.did.within);
  } else if ('sequence' in rule) {
    rule.sequence.steps.forEach((step, index) =>
      set.filter(segment, [...path, 'sequence', 'steps', index], step),
    );
    set.span(segment, [...path, 'sequence', 'within'], rule.sequence.within);
  } else if ('trait' in rule) set.condition(segment, [...path, 'trait'], rule.trait);
  else if ('computed' in rule) {
    set.condition(segment, [...path, 'computed'], rule.computed);
    const known = set.names('traits');
    if (!known.has(rule.computed.path)) {
      set.tell(
        segment,
        [...path, 'computed', 'path'],
        `unknown computed trait "${rule.computed.path}".${didYouMean(rule.computed.path, known)}`,
      );
    }
  } else if ('segment' in rule) {
    if (set.reference(segment, [...path, 'segment'], 'segments', 'segment', rule.segment))
      mentioned.push(rule.segment);
  } else if ('seen' in rule) set.span(segment, [...path, 'seen', 'firstWithin'], rule.seen.firstWithin);
}

/** The way from a segment back to itself, told once: by its alphabetically first member. */
function circleFrom(start: string, references: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const queue: string[][] = [[start]];
  const visited = new Set<string>();
  for (let way = queue.shift(); way !== undefined; way = queue.shift()) {
    for (const next of references.get(way[way.length - 1] ?? '') ?? []) {
      if (next === start) return way.some((name) => name < start) ? undefined : [...way, start];
      if (visited.has(next)) continue;
      visited.add(next);
      queue.push([...way, next]);
    }
  }
  return undefined;
}
