import type { DecisionRecord, JsonObject } from '@rapport/contracts';
import {
  aheadOfBatches,
  isProfileId,
  messageOf,
  parseIdentifier,
  profileIdOf,
  type Clock,
  type ProfileId,
} from '@rapport/kernel';
import type { PlacementDefinition } from '@rapport/playbook';
import { fallbackChoice } from '../decide.pipeline.js';
import type { Person } from '../domain/person.js';
import type { Tactic, TacticBook } from '../domain/tactics.js';
import { placementUnknown, requestInvalid, tacticUnknown } from '../orchestrator.errors.js';
import type { DecisionFeed, DecisionLedger } from '../ports/decision-ledger.js';
import type { PersonReader } from '../ports/person-reader.js';
import type { MakeDecision } from './make-decision.js';

/** A page that asks what to show. */
export interface DecideRequest {
  readonly person: string;
  readonly placement: string;
  /** Tactic names; empty: all of the placement. */
  readonly candidates: readonly string[];
  readonly context?: JsonObject;
}

export interface AnswerPorts {
  readonly clock: Clock;
  readonly people: PersonReader;
  readonly makeDecision: MakeDecision;
  readonly ledger: DecisionLedger;
  readonly feed: DecisionFeed;
  readonly book: TacticBook;
  readonly placements: readonly PlacementDefinition[];
  readonly playbookVersion: string;
  /** A new id that sorts by time. */
  readonly newDecisionId: (atMs: number) => string;
  readonly onDegraded: (part: 'profile', cause: string) => void;
}

export type Answer = (request: DecideRequest) => Promise<DecisionRecord>;

/** Candidates that one request may name. */
export const maxCandidates = 1000;

/**
 * Answers a request: the person is read, the decision made and kept in the ledger; the answer goes out when that is
 * durable. The topic follows; what a crash leaves unpublished is marked in the ledger. An unknown person, or one whose profile cannot be read now, gets the placement's fallback.
 */
export function createAnswer(ports: AnswerPorts): Answer {
  const fallbacks = new Map(ports.placements.map(({ name, fallback }) => [name, fallback]));
  const answer: Answer = async (request) => {
    const tactics = candidatesOf(ports.book, request);
    const stand = standInFor(request.person);
    const atMs = ports.clock.now();
    const decisionId = ports.newDecisionId(atMs);
    const fallback = fallbacks.get(request.placement);
    const { person, why } = await readPerson(ports, request.person);
    let record: DecisionRecord;
    if (person === undefined) {
      const profileId = stand;
      record = withoutPerson(ports, { request, tactics, atMs, decisionId, fallback, profileId, why });
      await ports.ledger.keep(record);
    } else {
      record = await ports.makeDecision({
        decisionId,
        person,
        asked: request.person,
        placement: request.placement,
        tactics,
        atMs,
        ...(request.context === undefined ? {} : { context: request.context }),
        ...(fallback === undefined ? {} : { fallback }),
      });
    }
    ports.feed.publishSoon(record);
    return record;
  };
  // Streams stand back: a page waits.
  return async (request) => await aheadOfBatches(async () => await answer(request));
}

function candidatesOf(book: TacticBook, request: DecideRequest): readonly Tactic[] {
  const ofPlacement = book.byPlacement.get(request.placement);
  if (ofPlacement === undefined) throw placementUnknown(request.placement, [...book.byPlacement.keys()]);
  if (request.candidates.length === 0) return ofPlacement;
  if (request.candidates.length > maxCandidates) {
    throw requestInvalid(`candidates: expected at most ${maxCandidates}; got ${request.candidates.length}`);
  }
  return [...new Set(request.candidates)].map((name) => {
    const tactic = book.byName.get(name);
    if (tactic === undefined) throw tacticUnknown(name);
    return tactic;
  });
}

/** The key under which a decision about nobody known is filed: the profile that the person would begin with. */
const standInFor = (person: string): ProfileId =>
  isProfileId(person) ? person : profileIdOf(parseIdentifier(person));

async function readPerson(
  ports: AnswerPorts,
  person: string,
): Promise<{ readonly person: Person | undefined; readonly why: string }> {
  try {
    return { person: await ports.people.read(person), why: 'nothing is known about this person' };
  } catch (thrown) {
    // A page must not break because a profile cannot be read just now.
    ports.onDegraded('profile', messageOf(thrown));
    return { person: undefined, why: 'the profile could not be read' };
  }
}

function withoutPerson(
  ports: AnswerPorts,
  made: {
    readonly request: DecideRequest;
    readonly tactics: readonly Tactic[];
    readonly atMs: number;
    readonly decisionId: string;
    readonly profileId: ProfileId;
    readonly fallback: Readonly<Record<string, string>> | undefined;
    readonly why: string;
  },
): DecisionRecord {
  return {
    decisionId: made.decisionId,
    profileId: made.profileId,
    person: made.request.person,
    placement: made.request.placement,
    at: new Date(made.atMs).toISOString(),
    chosen: fallbackChoice(made.fallback),
    candidates: made.tactics.map(({ name }) => ({ tactic: name, outcome: 'not_eligible', reason: made.why })),
    propensity: 1,
    holdout: false,
    rung: 'fallback',
    versions: { playbook: ports.playbookVersion, profile: 0 },
    features: {},
  };
}
