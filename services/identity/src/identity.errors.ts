import { RapportError, type Identifier } from '@rapport/kernel';

/** Every code of this service. */
export const identityCodes = {
  originBlocked: 'IDENTITY_ORIGIN_BLOCKED',
  unknown: 'IDENTITY_UNKNOWN',
  sameIdentifier: 'IDENTITY_SAME_IDENTIFIER',
  blocked: 'IDENTITY_BLOCKED',
  linkRefused: 'IDENTITY_LINK_REFUSED',
  notLinked: 'IDENTITY_NOT_LINKED',
  contended: 'IDENTITY_CONTENDED',
  reasonInvalid: 'IDENTITY_REASON_INVALID',
  starting: 'IDENTITY_STARTING',
} as const;

export const unknownPerson = (id: Identifier): RapportError =>
  new RapportError(
    identityCodes.unknown,
    'not_found',
    `expected an identifier that has been seen in an event or a link; ${id} has not`,
  );

export const sameIdentifier = (id: Identifier): RapportError =>
  new RapportError(
    identityCodes.sameIdentifier,
    'invalid',
    `expected two different identifiers; both are ${id}`,
  );

export const blockedIdentifier = (id: Identifier): RapportError =>
  new RapportError(
    identityCodes.blocked,
    'invalid',
    `${id} is on the list of values that are nobody (see identity.blockedValues in the playbook); name a real person`,
  );

export const linkRefused = (reason: string): RapportError =>
  new RapportError(
    identityCodes.linkRefused,
    'conflict',
    `merge protection refuses the link: ${reason}; unlink what is wrong first, or raise identity.limits in the playbook`,
    reason,
  );

export const notLinked = (from: Identifier, to: Identifier, evidence: readonly string[]): RapportError =>
  new RapportError(
    identityCodes.notLinked,
    'conflict',
    evidence.length === 0
      ? `there is no evidence between ${from} and ${to} to take back`
      : `${from} and ${to} have no evidence of their own; what joins them is ${evidence.join(', ')}: unlink one of these`,
  );

/** Many workers changed the same person at once for too long; the caller's batch or call is tried again. */
export const contended = (what: string, attempts: number): RapportError =>
  new RapportError(
    identityCodes.contended,
    'unavailable',
    `gave up after ${attempts} tries to ${what} because others kept changing the same people; try again`,
  );

/** Characters of a reason at most: it stands in the history and in every record that tells the change. */
export const maxReasonLength = 500;

export const reasonInvalid = (length: number): RapportError =>
  new RapportError(
    identityCodes.reasonInvalid,
    'invalid',
    `reason: expected at most ${maxReasonLength} characters; got ${length}`,
  );

export const starting = (): RapportError =>
  new RapportError(identityCodes.starting, 'unavailable', 'the identity room is starting; try again');
