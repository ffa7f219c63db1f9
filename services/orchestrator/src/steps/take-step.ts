import type { DecisionRecord, JsonObject, RequestedMessage } from '@rapport/contracts';
import { afterStep, cancelled, type Instance, type PersonJourneys } from '../domain/journeys.js';
import type { Person } from '../domain/person.js';
import { mailAddressOf } from '../domain/reachability.js';
import type { Tactic, TacticBook } from '../domain/tactics.js';
import type { Links } from '../ports/content-renderer.js';
import type { PersonReader } from '../ports/person-reader.js';
import type { RefusalBook } from '../ports/refusal-book.js';
import { unsubscribeLink } from './fill-content.js';
import type { MakeDecision } from './make-decision.js';

export interface TakeStepPorts {
  readonly people: PersonReader;
  readonly makeDecision: MakeDecision;
  readonly links: Links;
  readonly refusals: Pick<RefusalBook, 'keyOf'>;
  readonly book: TacticBook;
  /** Where a webhook channel sends to. */
  readonly urlOf: (channel: string) => string | undefined;
  readonly decisionIdOf: (atMs: number, about: string) => string;
  readonly messageIdOf: (instance: string, step: string) => string;
}

/** An instance after its step, with what is to be published; `elsewhere` when the profile has gone into another. */
export type Taken =
  | 'elsewhere'
  | {
      readonly instance: Instance;
      readonly decision?: DecisionRecord;
      readonly message?: RequestedMessage;
    };

export type TakeStep = (state: PersonJourneys, instance: Instance, dueMs: number) => Promise<Taken>;

/** Clients' clocks may run ahead of ours by this much at most: ingestion refuses more. */
const maxAheadMs = 86_400_000;

/**
 * Decides one due step at its own instant: what ended the journey meanwhile, then the decide function for the step's
 * tactic. Every id follows from instance and step, so that doing it again gives the same message and the same place
 * under the caps.
 */
export function createTakeStep(ports: TakeStepPorts): TakeStep {
  return async (state, instance, dueMs) => {
    const person = await ports.people.read(state.profileId);
    if (person === undefined) return { instance: cancelled(instance, 'the person is no longer known') };
    if (person.profileId !== state.profileId) return 'elsewhere';
    const ended = await endedBy(ports.people, state, instance, dueMs);
    if (ended !== undefined) return { instance: cancelled(instance, `${ended} ended it`) };
    const step = instance.steps[instance.step];
    if (step === undefined) return { instance: cancelled(instance, 'it has no such step') };
    const tactic = ports.book.byName.get(step.send);
    if (tactic === undefined) {
      const reason = `tactic ${step.send} is no longer in the playbook`;
      return { instance: afterStep(instance, { step: step.name, atMs: dueMs, outcome: 'refused', reason }) };
    }
    // In the ledger before the instance moves on: a reservation under the caps is good from then on.
    const decision = await ports.makeDecision({
      decisionId: ports.decisionIdOf(dueMs, JSON.stringify([instance.id, step.name])),
      person: state.segments === undefined ? person : { ...person, segments: new Set(state.segments) },
      asked: person.identifiers[0] ?? person.profileId,
      placement: undefined,
      tactics: [tactic],
      atMs: dueMs,
      ignoreSegment: step.ignoreSegment,
      journey: instance.journey,
    });
    const message = messageOf(ports, { instance, step: step.name, tactic, person, decision });
    const [candidate] = decision.candidates;
    const outcome = {
      step: step.name,
      atMs: dueMs,
      outcome: message === undefined ? ('refused' as const) : ('sent' as const),
      reason: `${tactic.name} ${candidate?.outcome ?? 'refused'}: ${candidate?.reason ?? ''}`,
      decisionId: decision.decisionId,
      ...(message === undefined ? {} : { messageId: message.messageId }),
    };
    return {
      instance: afterStep(instance, outcome),
      decision,
      ...(message === undefined ? {} : { message }),
    };
  };
}

/**
 * An exit event that the person's timeline has although the journey never saw it: it came in before its start, or to a
 * profile that has since become this one.
 */
async function endedBy(
  people: PersonReader,
  state: PersonJourneys,
  instance: Instance,
  dueMs: number,
): Promise<string | undefined> {
  const found = await Promise.all(
    instance.exitOn.map(async (event) => {
      const { startedEventMs } = instance;
      const events = await people.events(state.profileId, event, startedEventMs, dueMs + maxAheadMs, 50);
      return events.some(({ receivedAtMs }) => receivedAtMs <= dueMs) ? event : undefined;
    }),
  );
  return found.find((event) => event !== undefined);
}

function messageOf(
  ports: TakeStepPorts,
  made: {
    readonly instance: Instance;
    readonly step: string;
    readonly tactic: Tactic;
    readonly person: Person;
    readonly decision: DecisionRecord;
  },
): RequestedMessage | undefined {
  const { instance, step, tactic, person, decision } = made;
  const { chosen } = decision;
  const to = tactic.channelKind === 'email' ? mailAddressOf(person) : ports.urlOf(tactic.channel);
  if (chosen === null || to === undefined) return undefined;
  const content: JsonObject = {
    ...chosen.content,
    ...(chosen.items === undefined ? {} : { items: chosen.items }),
    ...(tactic.channelKind === 'email'
      ? { unsubscribe: unsubscribeLink(ports, person, tactic, Date.parse(decision.at)) }
      : {}),
  };
  return {
    messageId: ports.messageIdOf(instance.id, step),
    profileId: person.profileId,
    channel: tactic.channel,
    tactic: tactic.name,
    variant: chosen.variant,
    decisionId: decision.decisionId,
    journey: instance.journey,
    instance: instance.id,
    to,
    content,
    requestedAt: decision.at,
  };
}
