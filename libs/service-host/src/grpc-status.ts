import { Metadata, status as GrpcStatus, type StatusObject } from '@grpc/grpc-js';
import { messageOf, RapportError, type ErrorStatus } from '@rapport/kernel';

/** A status as grpc-js takes it. */
export type CallStatus = Pick<StatusObject, 'code' | 'details'> & { metadata?: Metadata | null | undefined };

const statusCodes: Record<ErrorStatus, GrpcStatus> = {
  invalid: GrpcStatus.INVALID_ARGUMENT,
  unauthenticated: GrpcStatus.UNAUTHENTICATED,
  forbidden: GrpcStatus.PERMISSION_DENIED,
  not_found: GrpcStatus.NOT_FOUND,
  conflict: GrpcStatus.FAILED_PRECONDITION,
  too_large: GrpcStatus.INVALID_ARGUMENT,
  exhausted: GrpcStatus.RESOURCE_EXHAUSTED,
  unavailable: GrpcStatus.UNAVAILABLE,
  unimplemented: GrpcStatus.UNIMPLEMENTED,
  internal: GrpcStatus.INTERNAL,
};

/** The name of the status that a failure is answered with. */
export const statusNameOf = (thrown: unknown): string =>
  GrpcStatus[thrown instanceof RapportError ? statusCodes[thrown.status] : GrpcStatus.INTERNAL];

/** What was thrown, in the one form: details `CODE: message`, the code again as metadata `rapport-code`. */
export function toStatus(
  thrown: unknown,
  onBug: (thrown: unknown) => void,
): CallStatus & { metadata: Metadata } {
  const metadata = new Metadata();
  if (thrown instanceof RapportError) {
    metadata.set('rapport-code', thrown.code);
    if (thrown.status === 'exhausted') metadata.set('retry-after', thrown.detail ?? '1');
    return {
      code: statusCodes[thrown.status],
      details: telling(`${thrown.code}: ${thrown.message}`),
      metadata,
    };
  }
  onBug(thrown);
  metadata.set('rapport-code', 'INTERNAL');
  return { code: GrpcStatus.INTERNAL, details: telling(`INTERNAL: ${messageOf(thrown)}`), metadata };
}

/** What grpc-js itself ends calls with, by the beginning of its details, and whose fault it is. */
const ofGrpcJs: readonly (readonly [begins: string, code: string, status: ErrorStatus])[] = [
  ['Received message larger than max', 'GRPC_MESSAGE_TOO_LARGE', 'too_large'],
  ['Received message that decompresses to a size larger', 'GRPC_MESSAGE_TOO_LARGE', 'too_large'],
  ['Failed to decompress message', 'GRPC_MESSAGE_MALFORMED', 'invalid'],
  ['Received message compressed with unsupported encoding', 'GRPC_ENCODING_UNKNOWN', 'unimplemented'],
  ['Received a second request message', 'GRPC_MESSAGE_COUNT', 'invalid'],
  ['Received no request message', 'GRPC_MESSAGE_COUNT', 'invalid'],
  ['Invalid grpc-timeout value', 'GRPC_TIMEOUT_INVALID', 'invalid'],
  ['The server does not implement the method', 'RPC_UNKNOWN', 'unimplemented'],
];

/** A status that did not come from us, in the same form; ours are left as they are. */
export function inOneForm(status: CallStatus): CallStatus {
  if (status.code === GrpcStatus.OK || (status.metadata?.get('rapport-code').length ?? 0) > 0) return status;
  const given = status.details;
  const known = ofGrpcJs.find(([begins]) => given.startsWith(begins));
  const code = known?.[1] ?? `GRPC_${GrpcStatus[status.code]}`;
  const metadata = status.metadata?.clone() ?? new Metadata();
  metadata.set('rapport-code', code);
  return {
    code: known === undefined ? status.code : statusCodes[known[2]],
    details: telling(`${code}: ${given}`),
    metadata,
  };
}

/** Clients take headers of 8 KiB altogether. */
const maxEncodedDetails = 4096;

/** Fit for a header: whole characters only (half of one cannot be encoded), and not too long. */
function telling(details: string): string {
  const whole = Buffer.from(details).toString();
  const encoded = encodeURI(whole).length;
  return encoded <= maxEncodedDetails
    ? whole
    : telling(`${whole.slice(0, Math.floor((whole.length * maxEncodedDetails) / encoded) - 2)}…`);
}
