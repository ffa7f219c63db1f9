import { messageOf } from '@rapport/kernel';
import type { Person } from '../domain/person.js';
import type { Tactic } from '../domain/tactics.js';
import type { CandidateScorer } from '../ports/candidate-scorer.js';
import type { PersonReader } from '../ports/person-reader.js';

/** What models said about a person, and on which numbers. */
export interface Scores {
  readonly byModel: ReadonlyMap<string, number>;
  /** `name/version`, with commas between when several models were asked. */
  readonly version?: string;
  readonly features: Readonly<Record<string, number>>;
}

const none: Scores = { byModel: new Map(), features: {} };

/** Asks each model that ranks one of the tactics once. Without an answer, rules alone rank. */
export async function scoreModels(
  ports: {
    readonly people: PersonReader;
    readonly scorer: CandidateScorer;
    readonly onDegraded: (part: 'model', cause: string) => void;
  },
  person: Person,
  tactics: readonly Tactic[],
): Promise<Scores> {
  const models = new Set<string>();
  for (const { definition } of tactics) if (definition.rankBy !== undefined) models.add(definition.rankBy);
  if (models.size === 0) return none;
  try {
    const features = await ports.people.features(person.profileId);
    const asked = [...models];
    const answers = await Promise.all(asked.map((model) => ports.scorer.score(model, features)));
    const byModel = new Map(asked.map((model, index) => [model, answers[index]?.score ?? 0]));
    const version = asked.map((model, index) => `${model}/${answers[index]?.version ?? ''}`).join(',');
    return { byModel, version, features };
  } catch (thrown) {
    ports.onDegraded('model', messageOf(thrown));
    return none;
  }
}
