import type { journeysProto } from '@rapport/contracts';
import { RapportError } from '@rapport/kernel';
import { cancelled, withInstance, type Instance, type PersonJourneys } from '../domain/journeys.js';
import { instanceEnded, instanceUnknown, requestInvalid } from '../orchestrator.errors.js';
import type { JourneyStore, StoredJourneys } from '../ports/journey-store.js';
import type { PersonReader } from '../ports/person-reader.js';

export interface JourneysGrpcParts {
  readonly store: JourneyStore;
  readonly people: PersonReader;
}

const defaultLimit = 100;
/** Characters of a reason at most: it stays in the person's document. */
const maxReasonLength = 500;
const maxLimit = 1000;
/** A merge hands instances on; this many merges later their trace is given up. */
const maxHops = 10;

/** JourneysService: journeys in flight, to be looked at and stopped. */
export class JourneysGrpc implements journeysProto.JourneysService {
  constructor(readonly parts: JourneysGrpcParts) {}

  async listInstances(
    request: journeysProto.ListInstancesRequest,
  ): Promise<journeysProto.ListInstancesResponse> {
    const limit = request.limit === 0 ? defaultLimit : Math.min(request.limit, maxLimit);
    const matches = ({ journey }: Instance): boolean => request.journey === '' || journey === request.journey;
    const instances: journeysProto.Instance[] = [];
    for await (const { state } of this.#people(request.person)) {
      for (const instance of state.instances.filter(matches)) {
        if (instances.length === limit) return { instances };
        instances.push(toProto(state, instance));
      }
    }
    return { instances };
  }

  async getInstance(request: journeysProto.GetInstanceRequest): Promise<journeysProto.GetInstanceResponse> {
    const { state, instance } = found(request.id, await this.#find(request.id));
    return { instance: toProto(state, instance) };
  }

  async cancelInstance(
    request: journeysProto.CancelInstanceRequest,
  ): Promise<journeysProto.CancelInstanceResponse> {
    if (request.reason === '') throw requestInvalid('reason: expected why, in words; got nothing');
    if (request.reason.length > maxReasonLength)
      throw requestInvalid(
        `reason: expected at most ${maxReasonLength} characters; got ${request.reason.length}`,
      );
    for (;;) {
      const stored = await this.#find(request.id);
      const { state, instance } = found(request.id, stored);
      if (instance.state !== 'waiting') throw instanceEnded(request.id, instance.state);
      const after = cancelled(instance, request.reason);
      const written = await this.parts.store.write([
        { state: withInstance(state, after), version: stored?.version ?? 0 },
      ]);
      if (written[0] === true) return { instance: toProto(state, after) };
    }
  }

  simulate(): Promise<journeysProto.SimulateResponse> {
    throw new RapportError('RPC_UNIMPLEMENTED', 'unimplemented', 'JourneysService.Simulate is not built yet');
  }

  async *#people(person: string): AsyncGenerator<StoredJourneys> {
    if (person !== '') {
      const known = await this.parts.people.read(person);
      const [stored] = known === undefined ? [] : await this.parts.store.getMany([known.profileId]);
      if (stored) yield stored;
      return;
    }
    for (let after: string | undefined; ;) {
      const some = await this.parts.store.list(after, maxLimit);
      yield* some;
      after = some.at(-1)?.state.profileId;
      if (some.length < maxLimit) return;
    }
  }

  async #find(id: string): Promise<StoredJourneys | undefined> {
    let profileId: string | undefined = id.split(':')[1];
    for (let hops = 0; hops < maxHops && profileId !== undefined; hops++) {
      const stored: StoredJourneys | undefined = (await this.parts.store.getMany([profileId]))[0];
      if (stored?.state.instances.some((instance) => instance.id === id) === true) return stored;
      profileId = stored?.state.mergedInto;
    }
    return undefined;
  }
}

function found(
  id: string,
  stored: StoredJourneys | undefined,
): { readonly state: PersonJourneys; readonly instance: Instance } {
  const instance = stored?.state.instances.find((one) => one.id === id);
  if (stored === undefined || instance === undefined) throw instanceUnknown(id);
  return { state: stored.state, instance };
}

const toProto = ({ profileId }: PersonJourneys, instance: Instance): journeysProto.Instance => ({
  id: instance.id,
  journey: instance.journey,
  profileId,
  step: instance.steps[instance.step]?.name ?? '',
  state: instance.state,
  due: instance.dueMs === undefined ? '' : new Date(instance.dueMs).toISOString(),
  reason: instance.reason,
  startedAt: new Date(instance.startedMs).toISOString(),
  history: instance.history.map(({ step, outcome, reason, atMs, messageId = '', decisionId = '' }) => ({
    step,
    outcome,
    reason,
    at: new Date(atMs).toISOString(),
    messageId,
    decisionId,
  })),
});
