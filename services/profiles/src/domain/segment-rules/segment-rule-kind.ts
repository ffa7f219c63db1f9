import type { EventFilter, SegmentRule } from '@rapport/playbook';
import type { JsonValue } from '@rapport/contracts';
import { never } from '../instants.js';
import type { TypedAccumulator } from '../accumulator.js';

/** What a rule says at an instant: whether it holds, and until when it surely says the same if nothing happens. */
export interface Verdict {
  readonly holds: boolean;
  /** Exclusive; `never` where only an event can change it. */
  readonly untilMs: number;
}

const yes: Verdict = { holds: true, untilMs: never };
const no: Verdict = { holds: false, untilMs: never };

/** A verdict that only an event can change. */
export const lasting = (holds: boolean): Verdict => (holds ? yes : no);

/** A computed trait's value at an instant, and until when it surely stays. */
export interface TraitReading {
  readonly value: JsonValue;
  readonly untilMs: number;
}

/** What rules may ask about a person at an instant. */
export interface Facts {
  /** The merged state of an accumulator over the person's origins; undefined where nothing was gathered. */
  gathered(accumulator: number): unknown;
  trait(name: string): JsonValue | undefined;
  /** `threshold`s: numbers that the value will be compared with. */
  computed(trait: number, atMs: number, thresholds: readonly number[]): TraitReading;
  hasConsent(purpose: string): boolean;
  /** Event time of the first event. */
  firstSeenMs(): number | undefined;
  /** The verdict on a segment that stands earlier in the order. */
  verdictOn(segment: number): Verdict;
  /** The newest score; undefined where the model gave none. */
  score(model: string): number | undefined;
}

export type CompiledRule = (facts: Facts, atMs: number) => Verdict;

/** What a rule's file gets while it is compiled; each call also notes what the segment depends on. */
export interface RuleCompiler {
  rule(rule: SegmentRule): CompiledRule;
  /** Adds an accumulator (or finds the equal one) and answers its number. */
  accumulate<State>(parts: TypedAccumulator<State>): number;
  /** The largest `atLeast` of all `did` rules that count the same. */
  mostAsked(of: { readonly filter: EventFilter; readonly per: string | undefined }): number;
  computedTrait(name: string): number;
  /** Compiles a segment that is referred to, if it is not yet, and answers its number. */
  segment(name: string): number;
  readsTraits(): void;
  readsConsent(): void;
  readsFirstSeen(): void;
  readsScore(model: string): void;
}

/** The node of a rule tree that has a key. */
export type RuleNode<Key extends string> = Extract<SegmentRule, Readonly<Record<Key, unknown>>>;

/** One kind of rule: a file of its own and a line in the registry. */
export interface SegmentRuleKind {
  /** The node's one key. */
  readonly key: string;
  readonly compile: (rule: SegmentRule, compiler: RuleCompiler) => CompiledRule;
}

/** Names the node's type while a kind is written; the one place where it is given up. */
export function ruleKind<Key extends string>(
  key: Key,
  compile: (rule: RuleNode<Key>, compiler: RuleCompiler) => CompiledRule,
): SegmentRuleKind {
  return { key, compile: (rule, compiler) => compile(rule as RuleNode<Key>, compiler) };
}
