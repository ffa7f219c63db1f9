import type { JsonValue } from '@rapport/contracts';
import type { ComputedTraitDefinition, ComputedTraitKind } from '@rapport/playbook';

/** What one matching event says to a computed trait. */
export interface Occurrence {
  readonly atMs: number;
  readonly messageId: string;
  /** What stood at the trait's property, in the order of the event; empty where the trait has no property. */
  readonly values: readonly JsonValue[];
}

/** A fold whose state is plain data, and whose result depends on neither order nor grouping. */
export interface TraitFold<State> {
  readonly empty: () => State;
  /** May change and return the state that it is given. */
  readonly add: (state: State, occurrence: Occurrence) => State;
  /** Changes neither side. */
  readonly merge: (left: State, right: State) => State;
  /** The trait's value at an instant; null (or 0, or no elements) where there is nothing. */
  readonly read: (state: State, atMs: number) => JsonValue;
  /** Of values that move with time alone: the instants at which a comparison with this number may turn. */
  readonly crossings?: (state: State, threshold: number) => readonly number[];
}

/** One kind of computed trait: a file of its own and a line in the registry. */
export interface TraitKind {
  readonly kind: ComputedTraitKind;
  readonly fold: (definition: ComputedTraitDefinition) => TraitFold<unknown>;
}

/** Names the state's type while a kind is written; the one place where it is given up. */
export function traitKind<State>(
  kind: ComputedTraitKind,
  create: (definition: ComputedTraitDefinition) => TraitFold<State>,
): TraitKind {
  return {
    kind,
    fold: (definition) => {
      const fold = create(definition);
      const { crossings } = fold;
      return {
        empty: fold.empty,
        add: (state, occurrence) => fold.add(state as State, occurrence),
        merge: (left, right) => fold.merge(left as State, right as State),
        read: (state, atMs) => fold.read(state as State, atMs),
        ...(crossings && {
          crossings: (state: unknown, threshold: number) => crossings(state as State, threshold),
        }),
      };
    },
  };
}
