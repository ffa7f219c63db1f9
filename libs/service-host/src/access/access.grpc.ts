import type { accessProto, AuditRecord } from '@rapport/contracts';
import { parseDuration, RapportError } from '@rapport/kernel';
import {
  actions,
  allActions,
  allRoles,
  can,
  roles,
  type Access,
  type Action,
  type Grants,
  type Role,
} from './actions.js';
import type { AuditLog, AuditQuestion } from './audit-log.js';
import type { Asked, Caller } from './gate.js';
import type { ApiToken, TokenFile, TokenState } from './token-file.js';

/** A route or an RPC and what it asks for. */
export interface GuardedDoor {
  readonly door: string;
  readonly access: Access;
}

export interface AccessGrpcParts {
  readonly tokens: TokenFile;
  readonly audit: AuditLog;
  /** Every route and RPC of this process; asked at each call, when all are mounted. */
  readonly doors: () => readonly GuardedDoor[];
}

/** `rapport.access.v1.AccessService`: who may do what, and who did. */
export class AccessGrpc implements accessProto.AccessService {
  constructor(readonly parts: AccessGrpcParts) {}

  describeAccess(): Promise<accessProto.DescribeAccessResponse> {
    return Promise.resolve({
      doors: this.parts.doors().map(({ door, access }) => ({
        door,
        action: typeof access === 'string' ? access : '',
        open: typeof access === 'string' ? '' : access.open,
      })),
      roles: allRoles.map((role) => ({ role, actions: [...roles[role]] })),
      actions: allActions.map((action) => ({ action, ...actions[action] })),
    });
  }

  listTokens(): Promise<accessProto.ListTokensResponse> {
    return Promise.resolve({
      tokens: this.parts.tokens.list().map((token) => tokenSummary(token, token.state)),
    });
  }

  async createToken(
    { name, roles: wantedRoles, actions: wantedActions, expiresIn }: accessProto.CreateTokenRequest,
    asked?: Asked,
  ): Promise<accessProto.CreateTokenResponse> {
    // Names that are none are told by whoever makes it.
    const grants = {
      roles: (wantedRoles as Role[]).filter((role) => allRoles.includes(role)),
      actions: wantedActions as Action[],
    };
    if (asked?.caller !== undefined) refuseMoreThan(asked.caller, grants);
    const { token, secret } = await this.parts.tokens.create({
      name,
      roles: wantedRoles as Role[],
      actions: wantedActions as Action[],
      by: asked?.caller?.name ?? '',
      ...(expiresIn === '' ? {} : { expiresInMs: parseDuration(expiresIn) }),
    });
    return { token: tokenSummary(token, 'valid'), secret };
  }

  async revokeToken({ token }: accessProto.RevokeTokenRequest): Promise<accessProto.RevokeTokenResponse> {
    return { token: tokenSummary(await this.parts.tokens.revoke(token), 'revoked') };
  }

  async listAudit(request: accessProto.ListAuditRequest): Promise<accessProto.ListAuditResponse> {
    const { entries, nextCursor } = await this.parts.audit.list(questionOf(request));
    return { entries: entries.map(entryOf), nextCursor: nextCursor ?? '' };
  }
}

/** Who may make tokens makes none that opens more than their own does: otherwise this one action would be all of them. */
function refuseMoreThan(caller: Caller, grants: Grants): void {
  const more = allActions.filter((action) => can(grants, action) && !caller.can(action));
  if (more.length === 0) return;
  throw new RapportError(
    'AUTH_FORBIDDEN',
    'forbidden',
    `expected roles and actions that the token ${caller.name} holds itself; it may not ${more.join(', ')}`,
  );
}

function questionOf(request: accessProto.ListAuditRequest): AuditQuestion {
  const { since, until, token, action, subject, limit, cursor } = request;
  return {
    limit: limit === 0 ? 100 : Math.min(limit, 1_000),
    ...(since === '' ? {} : { sinceMs: instantOf('since', since) }),
    ...(until === '' ? {} : { untilMs: instantOf('until', until) }),
    ...(token === '' ? {} : { token }),
    ...(action === '' ? {} : { action }),
    ...(subject === '' ? {} : { subject }),
    ...(cursor === '' ? {} : { cursor }),
  };
}

function instantOf(field: string, text: string): number {
  const instant = Date.parse(text);
  if (!Number.isNaN(instant)) return instant;
  throw new RapportError(
    'ACCESS_REQUEST_INVALID',
    'invalid',
    `${field}: expected an ISO 8601 instant, for example 2026-01-31T12:00:00Z; got ${JSON.stringify(text.slice(0, 40))}`,
  );
}

/** A token as it is told, without its hash. */
export const tokenSummary = (token: ApiToken, state: TokenState): accessProto.TokenSummary => ({
  id: token.id,
  name: token.name,
  roles: [...token.roles],
  actions: [...token.actions],
  state,
  createdAt: token.createdAt,
  createdBy: token.createdBy,
  expiresAt: token.expiresAt ?? '',
  revokedAt: token.revokedAt ?? '',
});

const entryOf = (record: AuditRecord): accessProto.AuditEntry => ({
  ...record,
  subject: { ...record.subject },
});
