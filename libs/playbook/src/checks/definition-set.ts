import { parseDuration } from '@rapport/kernel';
import type {
  ChannelDefinition,
  ComputedTraitDefinition,
  EventFilter,
  IdentityRules,
  JourneyDefinition,
  PlacementDefinition,
  SegmentDefinition,
  TacticDefinition,
  TrackingPlanEvent,
} from '../definitions.js';
import type { Entry, PartName } from '../playbook-files.js';
import { didYouMean, type Problem } from '../problem.js';
import type { Path } from '../source-file.js';

/** What each part's entries hold once the JSON Schema accepted them. */
export interface PartTypes {
  readonly playbook: { readonly name: string; readonly holdout?: number };
  readonly identity: IdentityRules;
  readonly segments: SegmentDefinition;
  readonly traits: ComputedTraitDefinition;
  readonly tactics: TacticDefinition;
  readonly journeys: JourneyDefinition;
  readonly placements: PlacementDefinition;
  readonly channels: ChannelDefinition;
  readonly 'tracking-plan': TrackingPlanEvent;
}

/** A definition together with the place it was written at. */
export interface Located<T> {
  readonly value: T;
  readonly entry: Entry;
}

/** Tells a problem at a place inside a definition. */
export type Tell = (
  located: Located<unknown>,
  path: Path,
  message: string,
  severity?: Problem['severity'],
) => void;

/** All definitions that the schema accepted, and every name that was used, also by a definition that it refused. */
export class DefinitionSet {
  constructor(
    private readonly accepted: readonly Entry[],
    private readonly all: readonly Entry[],
    readonly tell: Tell,
  ) {}

  of<P extends PartName>(part: P): Located<PartTypes[P]>[] {
    // The schema has accepted these entries, which is what PartTypes says.
    return this.accepted
      .filter((entry) => entry.part === part)
      .map((entry) => ({ entry, value: entry.value as PartTypes[P] }));
  }

  /** Names of a part; for the tracking plan, its events. */
  names(part: PartName): Set<string> {
    const names = this.all.filter((entry) => entry.part === part).map((entry) => nameOf(entry));
    return new Set(names.filter((name) => name !== undefined));
  }

  entriesOf(part: PartName): readonly Entry[] {
    return this.all.filter((entry) => entry.part === part);
  }

  /** Tells when a reference points to nothing. */
  reference(located: Located<unknown>, path: Path, part: PartName, noun: string, name: string): boolean {
    const known = this.names(part);
    if (known.has(name)) return true;
    this.tell(located, path, `unknown ${noun} "${name}".${didYouMean(name, known)}`);
    return false;
  }

  /** A track event that the tracking plan does not know is most likely misspelt; only a warning, for the plan is open. */
  event(located: Located<unknown>, path: Path, event: string): void {
    const known = this.names('tracking-plan');
    if (known.size === 0 || known.has(event)) return;
    this.tell(
      located,
      path,
      `the tracking plan has no event "${event}".${didYouMean(event, known)} Correct it, or add it to tracking-plan.yaml.`,
      'warning',
    );
  }

  filter(located: Located<unknown>, path: Path, filter: EventFilter): void {
    if (filter.event !== undefined && (filter.type ?? 'track') === 'track')
      this.event(located, [...path, 'event'], filter.event);
    if (filter.event !== undefined && (filter.type === 'identify' || filter.type === 'group')) {
      this.tell(
        located,
        [...path, 'event'],
        `expected no event with type ${filter.type}, which has no name; came "${filter.event}". Leave it out.`,
      );
    }
    (filter.where ?? []).forEach((condition, index) =>
      this.condition(located, [...path, 'where', index], condition),
    );
  }

  condition(located: Located<unknown>, path: Path, condition: { op: string; value?: unknown }): void {
    const { op, value } = condition;
    if (op === 'exists') {
      if (value !== undefined)
        this.tell(located, [...path, 'value'], 'expected no value with op exists; came one. Leave it out.');
    } else if (value === undefined) {
      this.tell(located, path, `expected a value with op ${op}; came none. Add it.`);
    } else if ((op === 'in') !== Array.isArray(value)) {
      this.tell(
        located,
        [...path, 'value'],
        `expected ${op === 'in' ? 'a list' : 'a single value'} with op ${op}; came ${Array.isArray(value) ? 'a list' : 'a single value'}.`,
      );
    } else if (numeric.has(op) && typeof value !== 'number' && typeof value !== 'string') {
      this.tell(
        located,
        [...path, 'value'],
        `expected a number (or text such as a date) with op ${op}; came ${JSON.stringify(value)}.`,
      );
    }
  }

  /** A duration that the schema accepted must be longer than nothing. */
  span(located: Located<unknown>, path: Path, text: string | undefined): void {
    if (text !== undefined && parseDuration(text) <= 0)
      this.tell(located, path, `expected a duration longer than zero; came "${text}".`);
  }
}

const numeric = new Set(['gt', 'gte', 'lt', 'lte']);

/** The name of an entry, where it has one. */
export function nameOf(entry: Entry): string | undefined {
  if (typeof entry.value !== 'object' || entry.value === null) return undefined;
  const key = nameKey(entry.part);
  const name = (entry.value as Readonly<Record<string, unknown>>)[key];
  return typeof name === 'string' ? name : undefined;
}

/** The key that names an entry of a part. */
export function nameKey(part: PartName): 'name' | 'event' {
  return part === 'tracking-plan' ? 'event' : 'name';
}
