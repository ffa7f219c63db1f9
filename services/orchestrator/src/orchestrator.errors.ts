import { RapportError } from '@rapport/kernel';

/** A placement that the playbook does not have. */
export const placementUnknown = (name: string, known: readonly string[]): RapportError =>
  new RapportError(
    'ORCHESTRATOR_PLACEMENT_UNKNOWN',
    'invalid',
    `placement: expected one of ${known.join(', ')}; got ${JSON.stringify(name.slice(0, 80))}`,
  );

/** A candidate that the playbook does not have. */
export const tacticUnknown = (name: string): RapportError =>
  new RapportError(
    'ORCHESTRATOR_TACTIC_UNKNOWN',
    'invalid',
    `candidates: expected names of tactics of the playbook; got ${JSON.stringify(name.slice(0, 80))}`,
  );

/** A request whose shape is wrong; `problem` says what was expected and what came. */
export const requestInvalid = (problem: string): RapportError =>
  new RapportError('ORCHESTRATOR_REQUEST_INVALID', 'invalid', problem);

export const decisionUnknown = (decisionId: string): RapportError =>
  new RapportError(
    'ORCHESTRATOR_DECISION_UNKNOWN',
    'not_found',
    `there is no decision ${JSON.stringify(decisionId.slice(0, 80))} in the ledger`,
  );

export const instanceUnknown = (id: string): RapportError =>
  new RapportError(
    'ORCHESTRATOR_INSTANCE_UNKNOWN',
    'not_found',
    `there is no journey instance ${JSON.stringify(id.slice(0, 200))}`,
  );

export const instanceEnded = (id: string, state: string): RapportError =>
  new RapportError(
    'ORCHESTRATOR_INSTANCE_ENDED',
    'conflict',
    `only an instance that waits can be cancelled; ${id} is ${state}`,
  );

export const linkInvalid = (): RapportError =>
  new RapportError(
    'ORCHESTRATOR_LINK_INVALID',
    'not_found',
    'this unsubscribe link was not made here, or a part of it is missing; use the link of the message as it came',
  );

/** Too many links are used at once. */
export const unsubscribesBusy = (): RapportError =>
  new RapportError(
    'ORCHESTRATOR_UNSUBSCRIBES_BUSY',
    'exhausted',
    'more people unsubscribe at this moment than can be recorded at once; try again in a second',
  );

/** The file of secrets is there and cannot be used. */
export const secretsUnreadable = (path: string, cause: string): RapportError =>
  new RapportError(
    'CONFIG_INVALID',
    'invalid',
    `${path}: expected { "unsubscribe": [{ "id", "secret" }], "webhooks": { } } as JSON, as the first start made it; ${cause}`,
  );

export const unsubscribeRefused = (detail: string): RapportError =>
  new RapportError(
    'ORCHESTRATOR_UNSUBSCRIBE_REFUSED',
    'unavailable',
    `the choice could not be recorded: ${detail}; try again`,
  );

/** A playbook that this service cannot run; `problem` names the place. */
export const playbookUnusable = (problem: string): RapportError =>
  new RapportError('ORCHESTRATOR_PLAYBOOK_UNUSABLE', 'invalid', problem);
