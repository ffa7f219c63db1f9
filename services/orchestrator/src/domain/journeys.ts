import { parseDuration, type ProfileId } from '@rapport/kernel';
import type { DecisionRecord, Delivery, ProfileChange, RequestedMessage } from '@rapport/contracts';
import type { JourneyDefinition } from '@rapport/playbook';

/** A step with its wait read. */
export interface StepPlan {
  readonly name: string;
  readonly waitMs: number;
  /** The tactic to send. */
  readonly send: string;
  readonly ignoreSegment: boolean;
}

/** A journey as the playbook has it now; instances carry the steps that they began with. */
export interface JourneyPlan {
  readonly name: string;
  readonly version: number;
  readonly startEvent: string | undefined;
  readonly startSegment: string | undefined;
  readonly exitOn: readonly string[];
  readonly steps: readonly StepPlan[];
  /** Undefined: a person goes through it once. */
  readonly reentryAfterMs: number | undefined;
}

/** What became of one step. */
export interface StepOutcome {
  readonly step: string;
  readonly atMs: number;
  /** sent: a message was requested, and nothing else was heard of it; failed and cancelled: how that message ended. */
  readonly outcome: 'sent' | 'refused' | 'failed' | 'cancelled';
  readonly reason: string;
  readonly decisionId?: string;
  readonly messageId?: string;
}

/** One person's way through one journey. */
export interface Instance {
  /** `journey:profileId:what started it`; it stays when the profile goes into another. */
  readonly id: string;
  readonly journey: string;
  readonly version: number;
  readonly steps: readonly StepPlan[];
  readonly exitOn: readonly string[];
  /** Position of the step that it waits for or ended at. */
  readonly step: number;
  readonly state: 'waiting' | 'done' | 'cancelled' | 'refused' | 'failed';
  readonly startedMs: number;
  /** When the starting event happened; only what happened at or after it can end the journey. */
  readonly startedEventMs: number;
  /** Absent when it does not wait. */
  readonly dueMs?: number;
  readonly reason: string;
  readonly history: readonly StepOutcome[];
}

/** All that is kept of one person's journeys, in one document: starts, exits and re-entry are decided together. */
export interface PersonJourneys {
  readonly profileId: ProfileId;
  /** Partition of the profile's records: whose timers these are. */
  readonly partition: number;
  /** Highest version of the profile that was applied. */
  readonly version: number;
  readonly asOfMs: number;
  /** Segments that hold at asOf; absent when no change of the profile was seen yet. */
  readonly segments?: readonly string[];
  readonly instances: readonly Instance[];
  /** Newest start per journey. */
  readonly starts: Readonly<Record<string, number>>;
  /** Set when the profile went into another, which then has the instances. */
  readonly mergedInto?: ProfileId;
  /** The earliest due of the instances; absent when none waits. */
  readonly dueMs?: number;
  /** Decided and not yet published. */
  readonly outbox?: {
    readonly messages: readonly RequestedMessage[];
    readonly decisions: readonly DecisionRecord[];
  };
  /** The partition again, while there is an outbox: an index finds it. */
  readonly unpublished?: number;
}

/** Something at one instant that journeys look at. */
export type Moment =
  | {
      readonly kind: 'event';
      readonly atMs: number;
      readonly event: string;
      readonly messageId: string;
      readonly eventMs: number;
      /** It happened long before it came in: it may end a journey, but starts none. */
      readonly isHistory: boolean;
    }
  | {
      readonly kind: 'entered' | 'left';
      readonly atMs: number;
      readonly segment: string;
      readonly isHistory: boolean;
    };

/** Ended instances that stay to be looked at, per person. */
const maxEnded = 20;

export function readJourneys(definitions: readonly JourneyDefinition[]): readonly JourneyPlan[] {
  return definitions.map(({ name, version, start, exitOn, steps, reentryAfter }) => ({
    name,
    version,
    startEvent: 'event' in start ? start.event : undefined,
    startSegment: 'segment' in start ? start.segment : undefined,
    exitOn: exitOn ?? [],
    steps: steps.map((step) => ({
      name: step.name,
      waitMs: step.wait === undefined ? 0 : parseDuration(step.wait),
      send: step.send,
      ignoreSegment: step.ignoreSegment === true,
    })),
    reentryAfterMs: reentryAfter === undefined ? undefined : parseDuration(reentryAfter),
  }));
}

export const noJourneys = (profileId: ProfileId, partition: number): PersonJourneys => ({
  profileId,
  partition,
  version: 0,
  asOfMs: 0,
  instances: [],
  starts: {},
});

/**
 * What happened in a change, in the order in which rules saw it. Never before what was seen already. At one instant
 * the segments come first: what an event starts at once is decided on the person that the event made.
 */
export function momentsOf(change: ProfileChange, seenUntilMs: number, maxAgeMs: number): readonly Moment[] {
  const asOfMs = Date.parse(change.asOf);
  const moments: Moment[] = [];
  for (const { kind, segment, at } of change.transitions) {
    const atMs = Date.parse(at);
    const clamped = Math.min(Math.max(atMs, seenUntilMs), asOfMs);
    moments.push({ kind, atMs: clamped, segment, isHistory: asOfMs - atMs > maxAgeMs });
  }
  for (const { event, messageId, timestamp, receivedAt } of change.events) {
    if (event === undefined) continue;
    const receivedMs = Date.parse(receivedAt);
    const eventMs = Date.parse(timestamp);
    moments.push({
      kind: 'event',
      atMs: receivedMs,
      event,
      messageId,
      eventMs,
      isHistory: receivedMs - eventMs > maxAgeMs,
    });
  }
  return moments.sort((a, b) => a.atMs - b.atMs);
}

/** The segments that held before a change: its state with its transitions taken back, the last first. */
export function segmentsBefore(change: ProfileChange): readonly string[] {
  const segments = new Set(change.view.segments.map(({ name }) => name));
  for (const { kind, segment } of [...change.transitions].reverse()) {
    if (kind === 'entered') segments.delete(segment);
    else segments.add(segment);
  }
  return [...segments];
}

/** The instance that is due first; ties by id. */
export function firstDue(instances: readonly Instance[]): Instance | undefined {
  let first: Instance | undefined;
  for (const one of instances) {
    if (one.dueMs === undefined) continue;
    const before = first?.dueMs === undefined || one.dueMs < first.dueMs;
    if (before || (one.dueMs === first?.dueMs && first !== undefined && one.id < first.id)) first = one;
  }
  return first;
}

/** Brings the parts that follow from the instances up to date. */
export function settled(state: PersonJourneys, instances: readonly Instance[]): PersonJourneys {
  const waiting = instances.filter((one) => one.state === 'waiting');
  const ended = instances.filter((one) => one.state !== 'waiting');
  const { dueMs: _before, ...rest } = state;
  const dueMs = firstDue(waiting)?.dueMs;
  return {
    ...rest,
    instances: [...ended.slice(-maxEnded), ...waiting],
    ...(dueMs === undefined ? {} : { dueMs }),
  };
}

export function cancelled(instance: Instance, reason: string): Instance {
  const { dueMs: _due, ...rest } = instance;
  return { ...rest, state: 'cancelled', reason };
}

/** Applies one moment: membership, exits, then starts. */
export function applyMoment(
  state: PersonJourneys,
  moment: Moment,
  plans: readonly JourneyPlan[],
): PersonJourneys {
  let next = state;
  if (moment.kind !== 'event') {
    const others = (next.segments ?? []).filter((name) => name !== moment.segment);
    next = { ...next, segments: moment.kind === 'entered' ? [...others, moment.segment] : others };
  } else {
    const { event, eventMs } = moment;
    const ends = (one: Instance): boolean =>
      one.state === 'waiting' && one.exitOn.includes(event) && eventMs >= one.startedEventMs;
    if (next.instances.some(ends)) {
      next = settled(
        next,
        next.instances.map((one) => (ends(one) ? cancelled(one, `${event} ended it`) : one)),
      );
    }
  }
  if (moment.isHistory) return next;
  for (const plan of plans) {
    if (startsOn(plan, moment) && mayStart(next, plan, moment.atMs)) next = started(next, plan, moment);
  }
  return next;
}

const startsOn = (plan: JourneyPlan, moment: Moment): boolean =>
  moment.kind === 'event'
    ? plan.startEvent === moment.event
    : moment.kind === 'entered' && plan.startSegment === moment.segment;

function mayStart(state: PersonJourneys, plan: JourneyPlan, atMs: number): boolean {
  const last = state.starts[plan.name];
  if (last === undefined) return true;
  if (plan.reentryAfterMs === undefined || atMs < last + plan.reentryAfterMs) return false;
  return !state.instances.some((one) => one.state === 'waiting' && one.journey === plan.name);
}

function started(state: PersonJourneys, plan: JourneyPlan, moment: Moment): PersonJourneys {
  const by = moment.kind === 'event' ? moment.messageId : `${moment.segment}@${moment.atMs}`;
  const instance: Instance = {
    id: `${plan.name}:${state.profileId}:${by}`,
    journey: plan.name,
    version: plan.version,
    steps: plan.steps,
    exitOn: plan.exitOn,
    step: 0,
    state: 'waiting',
    startedMs: moment.atMs,
    startedEventMs: moment.kind === 'event' ? moment.eventMs : moment.atMs,
    dueMs: moment.atMs + (plan.steps[0]?.waitMs ?? 0),
    reason: '',
    history: [],
  };
  const starts = { ...state.starts, [plan.name]: moment.atMs };
  return settled({ ...state, starts }, [...state.instances, instance]);
}

/** Moves an instance on after its step was sent or refused: to the next step's wait, or to its end. */
export function afterStep(instance: Instance, outcome: StepOutcome): Instance {
  const history = [...instance.history, outcome];
  const next = instance.steps[instance.step + 1];
  if (next !== undefined) {
    return {
      ...instance,
      step: instance.step + 1,
      dueMs: outcome.atMs + next.waitMs,
      reason: outcome.reason,
      history,
    };
  }
  const { dueMs: _due, ...rest } = instance;
  return { ...rest, state: endOf(history), reason: outcome.reason, history };
}

/** How an instance that went all its way ended: done when any of its messages stands as sent. */
function endOf(history: readonly StepOutcome[]): 'done' | 'failed' | 'refused' {
  if (history.some(({ outcome }) => outcome === 'sent')) return 'done';
  return history.some(({ outcome }) => outcome === 'failed') ? 'failed' : 'refused';
}

/** What became of a step's message, in the step and, where the instance has ended, in its end. The same state where it changes nothing. */
export function withDelivery(
  state: PersonJourneys,
  { messageId, outcome, detail }: Delivery,
): PersonJourneys {
  const instance = state.instances.find(({ history }) =>
    history.some((step) => step.messageId === messageId && step.outcome !== outcome),
  );
  if (instance === undefined) return state;
  const reason = `the message: ${detail}`;
  const history = instance.history.map((step) =>
    step.messageId === messageId ? { ...step, outcome, reason } : step,
  );
  const hasEnded = ['done', 'failed', 'refused'].includes(instance.state);
  return withInstance(state, {
    ...instance,
    history,
    ...(hasEnded ? { state: endOf(history), reason } : {}),
  });
}

/** Replaces one instance. */
export const withInstance = (state: PersonJourneys, instance: Instance): PersonJourneys =>
  settled(
    state,
    state.instances.map((one) => (one.id === instance.id ? instance : one)),
  );
