import { accessProto, topics, type TopicDeclaration } from '@rapport/contracts';
import type { EventLog } from '@rapport/event-log';
import type { Clock } from '@rapport/kernel';
import type { Telemetry } from '@rapport/telemetry';
import type { Credentials } from '../credentials.js';
import { grpcBinding, type GrpcBinding } from '../grpc-server.js';
import { AccessGrpc, type GuardedDoor } from './access.grpc.js';
import { AuditLog } from './audit-log.js';
import { Gate } from './gate.js';
import { TokenFile } from './token-file.js';

export interface AccessParts {
  readonly credentials: Pick<Credentials, 'apiToken'>;
  readonly tokensFile: string;
  readonly log: Pick<EventLog, 'append' | 'bounds' | 'read'>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Every route and RPC of this process. */
  readonly doors: () => readonly GuardedDoor[];
}

/** What judges, remembers and explains who comes in, for one process. */
export interface OpenAccess {
  readonly gate: Gate;
  readonly audit: AuditLog;
  readonly service: AccessGrpc;
  readonly binding: GrpcBinding;
}

/** Throws TOKENS_FILE_INVALID. */
export function openAccess({
  credentials,
  tokensFile,
  log,
  clock,
  telemetry,
  doors,
}: AccessParts): OpenAccess {
  const refused = telemetry.counter('rapport_access_refused_total', 'Requests that were not let in', [
    'reason',
  ]);
  const written = telemetry.counter('rapport_audit_entries_total', 'Entries written to the audit log');
  const lost = telemetry.counter('rapport_audit_lost_total', 'Reads whose entry in the audit log was lost');
  const tokens = new TokenFile({
    path: tokensFile,
    onUnreadable: (problem) =>
      telemetry.log.error(
        { problem },
        'the tokens file cannot be read; its tokens open nothing until it can',
      ),
  });
  const gate = new Gate({
    credentials,
    tokens,
    onRefused: ({ reason, address, door, quiet }) => {
      refused.inc({ reason });
      if (!quiet) telemetry.log.warn({ reason, address, door }, 'a token was not let in');
    },
  });
  let toldLostMs = -Infinity;
  const audit = new AuditLog({
    log,
    clock,
    onWritten: (entries) => written.inc(entries),
    onLost: (entries, cause) => {
      lost.inc(entries);
      const nowMs = performance.now();
      if (nowMs - toldLostMs < 1_000) return;
      toldLostMs = nowMs;
      telemetry.log.error({ entries, cause }, 'reads went on without their entry in the audit log');
    },
  });
  const service = new AccessGrpc({ tokens, audit, doors });
  const binding = grpcBinding(accessProto.AccessServiceDefinition, service, {
    describeAccess: 'operate',
    listTokens: 'tokens.read',
    createToken: 'tokens.manage',
    revokeToken: 'tokens.manage',
    listAudit: 'audit.read',
  });
  return { gate, audit, service, binding };
}

/** Topics that rooms follow: whether anything is still on its way is told by these. */
export const isFollowed = ({ name }: TopicDeclaration): boolean => name !== topics.auditRecorded.name;
