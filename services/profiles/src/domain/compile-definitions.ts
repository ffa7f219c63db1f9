import { parseDuration, RapportError } from '@rapport/kernel';
import type { JsonValue } from '@rapport/contracts';
import type {
  ComputedTraitDefinition,
  EventFilter,
  Playbook,
  SegmentDefinition,
  SegmentRule,
} from '@rapport/playbook';
import { profilesErrors } from '../profiles.errors.js';
import { accumulatorKey, accumulatorOf, type Accumulator, type TypedAccumulator } from './accumulator.js';
import { traitKinds } from './computed-traits/registry.js';
import { rolling } from './computed-traits/rolling-window.js';
import type { TraitFold } from './computed-traits/trait-kind.js';
import { Definitions, type CompiledSegment, type ComputedTrait, type Readers } from './definitions.js';
import { compileFilter, filterKey } from './event-filters.js';
import { never } from './instants.js';
import { compilePath } from './paths.js';
import { segmentRuleKinds } from './segment-rules/registry.js';
import type { CompiledRule, RuleCompiler } from './segment-rules/segment-rule-kind.js';

/** Compiles a playbook's traits and segments. Throws PROFILES_DEFINITIONS_INVALID with every problem, one line each. */
export function compileDefinitions(playbook: Pick<Playbook, 'computedTraits' | 'segments'>): Definitions {
  return new DefinitionsCompiler(playbook).compile();
}

type SegmentDraft = { rule: CompiledRule; predicted: boolean; referrers: number[] };

class DefinitionsCompiler {
  readonly #problems: string[] = [];
  readonly #accumulators: Accumulator[] = [];
  readonly #accumulatorNumbers = new Map<string, number>();
  readonly #traits: ComputedTrait[] = [];
  readonly #traitNumbers = new Map<string, number>();
  readonly #segments: (SegmentDraft & { name: string })[] = [];
  readonly #segmentNumbers = new Map<string, number>();
  readonly #models = new Set<string>();
  readonly #mostAsked: ReadonlyMap<string, number>;
  readonly #readers = {
    accumulator: new Map<number, Set<number>>(),
    traits: new Set<number>(),
    consents: new Set<number>(),
    firstSeen: new Set<number>(),
    scores: new Set<number>(),
  };
  readonly #definitionOf: ReadonlyMap<string, SegmentDefinition>;

  constructor(readonly playbook: Pick<Playbook, 'computedTraits' | 'segments'>) {
    this.#definitionOf = new Map(playbook.segments.map((segment) => [segment.name, segment]));
    this.#mostAsked = mostAskedOf(playbook.segments);
  }

  compile(): Definitions {
    for (const definition of this.playbook.computedTraits) this.#compileTrait(definition);
    for (const { name } of this.playbook.segments) this.#compileSegment(name, []);
    this.#refuseDoubles('computed trait', this.playbook.computedTraits);
    this.#refuseDoubles('segment', this.playbook.segments);
    if (this.#problems.length > 0) {
      throw new RapportError(
        profilesErrors.definitionsInvalid,
        'invalid',
        `the playbook's traits and segments have ${this.#problems.length} problem(s):\n  ${this.#problems.join('\n  ')}`,
      );
    }
    const gathering = accumulatorKey(
      this.#accumulators
        .map(({ key }) => key)
        .sort()
        .join(),
    );
    const version = accumulatorKey(
      JSON.stringify([gathering, this.playbook.computedTraits, this.playbook.segments]),
    );
    return new Definitions(
      gathering,
      version,
      this.#accumulators,
      this.#traits,
      this.#compiledSegments(),
      this.#compiledReaders(),
      [...this.#models],
    );
  }

  #refuseDoubles(what: string, definitions: readonly { readonly name: string }[]): void {
    const names = new Set<string>();
    for (const { name } of definitions) {
      if (names.has(name))
        this.#problems.push(
          `${what} ${name}: expected one definition of this name; remove or rename the other`,
        );
      names.add(name);
    }
  }

  #compileTrait(definition: ComputedTraitDefinition): void {
    const { name, kind: wanted, on, property, window } = definition;
    const kind = traitKinds.find(({ kind }) => kind === wanted);
    if (kind === undefined) {
      this.#problems.push(
        `computed trait ${name}: no kind ${wanted}; there are ${traitKinds.map(({ kind }) => kind).join(', ')}`,
      );
      return;
    }
    const inner = kind.fold(definition);
    const windowed = window === undefined ? undefined : rolling(inner, parseDuration(window));
    const fold: TraitFold<unknown> = windowed === undefined ? inner : (windowed.fold as TraitFold<unknown>);
    const changesAfter = windowed?.changesAfter as ComputedTrait['changesAfter'] | undefined;
    const read = property === undefined ? undefined : compilePath(property);
    const accumulator = this.#accumulate({
      definition: JSON.stringify([
        'trait',
        wanted,
        filterKey(on),
        property ?? null,
        window ?? null,
        definition.limit ?? null,
      ]),
      filter: compileFilter(on),
      empty: fold.empty,
      add: (state, event) => {
        const values: JsonValue[] = [];
        read?.(event, values);
        return fold.add(state, { atMs: event.atMs, messageId: event.record.messageId, values });
      },
      merge: fold.merge,
    });
    this.#traitNumbers.set(name, this.#traits.length);
    this.#traits.push({ name, accumulator, fold, changesAfter: changesAfter ?? (() => never) });
  }

  #accumulate<State>(parts: TypedAccumulator<State>): number {
    const known = this.#accumulatorNumbers.get(parts.definition);
    if (known !== undefined) return known;
    const made = accumulatorOf(parts);
    const clash = this.#accumulators.find(({ key }) => key === made.key);
    if (clash !== undefined)
      this.#problems.push(
        `two definitions hash to the same key ${made.key}: change one of them, ${parts.definition}`,
      );
    this.#accumulatorNumbers.set(parts.definition, this.#accumulators.length);
    return this.#accumulators.push(made) - 1;
  }

  /** Answers the segment's number; -1 when there is none. Compiles what it refers to first, so references point back. */
  #compileSegment(name: string, path: readonly string[]): number {
    const known = this.#segmentNumbers.get(name);
    if (known !== undefined) return known;
    const definition = this.#definitionOf.get(name);
    if (definition === undefined) {
      this.#problems.push(
        `segment ${path.at(-1) ?? name}: refers to segment ${name}, which the playbook does not have`,
      );
      return -1;
    }
    if (path.includes(name)) {
      this.#problems.push(
        `segment ${name}: refers to itself (${[...path, name].join(' → ')}); break the circle`,
      );
      return -1;
    }
    const notes = new SegmentNotes();
    const rule = this.#compileRule(definition.when, this.#compilerFor(name, [...path, name], notes));
    const number = this.#segments.length;
    this.#segmentNumbers.set(name, number);
    const predicted =
      notes.readsScores || notes.segments.some((other) => this.#segments[other]?.predicted === true);
    this.#segments.push({ name, rule, predicted, referrers: [] });
    for (const other of notes.segments) this.#segments[other]?.referrers.push(number);
    this.#noteReaders(number, notes);
    return number;
  }

  #noteReaders(segment: number, notes: SegmentNotes): void {
    for (const accumulator of notes.accumulators) {
      const readers = this.#readers.accumulator.get(accumulator) ?? new Set();
      this.#readers.accumulator.set(accumulator, readers.add(segment));
    }
    if (notes.readsTraits) this.#readers.traits.add(segment);
    if (notes.readsConsents) this.#readers.consents.add(segment);
    if (notes.readsFirstSeen) this.#readers.firstSeen.add(segment);
    if (notes.readsScores) this.#readers.scores.add(segment);
  }

  #compileRule(rule: SegmentRule, compiler: RuleCompiler): CompiledRule {
    const key = Object.keys(rule)[0] ?? '';
    const kind = segmentRuleKinds.find((known) => known.key === key);
    if (kind !== undefined) return kind.compile(rule, compiler);
    this.#problems.push(
      `no segment rule ${JSON.stringify(key)}; there are ${segmentRuleKinds.map((known) => known.key).join(', ')}`,
    );
    return () => ({ holds: false, untilMs: never });
  }

  #compilerFor(segment: string, path: readonly string[], notes: SegmentNotes): RuleCompiler {
    const compiler: RuleCompiler = {
      rule: (rule) => this.#compileRule(rule, compiler),
      accumulate: (parts) => notes.accumulator(this.#accumulate(parts)),
      mostAsked: ({ filter, per }) => this.#mostAsked.get(didKey(filter, per)) ?? 1,
      computedTrait: (name) => {
        const number = this.#traitNumbers.get(name);
        const trait = number === undefined ? undefined : this.#traits[number];
        if (number === undefined || trait === undefined) {
          this.#problems.push(
            `segment ${segment}: refers to computed trait ${name}, which the playbook does not have`,
          );
          return -1;
        }
        notes.accumulator(trait.accumulator);
        return number;
      },
      segment: (name) => notes.segment(this.#compileSegment(name, path)),
      readsTraits: () => void (notes.readsTraits = true),
      readsConsent: () => void (notes.readsConsents = true),
      readsFirstSeen: () => void (notes.readsFirstSeen = true),
      readsScore: (model) => {
        notes.readsScores = true;
        this.#models.add(model);
      },
    };
    return compiler;
  }

  #compiledSegments(): readonly CompiledSegment[] {
    return this.#segments.map(({ name, rule, predicted, referrers }) => ({
      name,
      rule,
      predicted,
      referrers: [...new Set(referrers)],
    }));
  }

  #compiledReaders(): Readers {
    return {
      accumulator: this.#accumulators.map((_, number) => [...(this.#readers.accumulator.get(number) ?? [])]),
      traits: [...this.#readers.traits],
      consents: [...this.#readers.consents],
      firstSeen: [...this.#readers.firstSeen],
      scores: [...this.#readers.scores],
    };
  }
}

/** What a segment was seen to read while its rule was compiled. */
class SegmentNotes {
  readonly accumulators = new Set<number>();
  readonly segments: number[] = [];
  readsTraits = false;
  readsConsents = false;
  readsFirstSeen = false;
  readsScores = false;

  accumulator(number: number): number {
    this.accumulators.add(number);
    return number;
  }

  segment(number: number): number {
    this.segments.push(number);
    return number;
  }
}

const didKey = (filter: EventFilter, per: string | undefined): string =>
  `${filterKey(filter)} per ${per ?? ''}`;

/** The largest `atLeast` by what is counted: rules that count the same share one list of instants. */
function mostAskedOf(segments: readonly SegmentDefinition[]): ReadonlyMap<string, number> {
  const most = new Map<string, number>();
  const visit = (rule: SegmentRule): void => {
    if ('all' in rule) rule.all.forEach(visit);
    else if ('any' in rule) rule.any.forEach(visit);
    else if ('not' in rule) visit(rule.not);
    else if ('did' in rule) {
      const key = didKey(rule.did, rule.did.per);
      most.set(key, Math.max(most.get(key) ?? 1, rule.did.atLeast ?? 1));
    }
  };
  for (const { when } of segments) visit(when);
  return most;
}
