import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import {
  ServerInterceptingCall,
  status as GrpcStatus,
  type Metadata,
  type Server,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { messageOf, RapportError } from '@rapport/kernel';
import { inOneForm, toStatus, type CallStatus } from './grpc-status.js';
import type { Caller } from './access/gate.js';
import type { Inflow, Inflowing } from './inflow.js';
import type { MessageLimits } from './message-limits.js';

/** A binding's own rule: throws a RapportError where the caller may not do it. */
export type Authorize = (
  /** `/package.Service/Method`. */
  path: string,
  /** First value of a metadata key, lower-case. */
  metadata: (key: string) => string | undefined,
  /** Address and port of the caller. */
  peer: string,
  /** Who has the token that came along; undefined where none came that is known. */
  caller: () => Caller | undefined,
) => void;

/** What holds for one RPC. */
export interface CallRules {
  readonly limits: MessageLimits;
  /** Asked with the metadata alone, before a byte of a message is read. Undefined: open to everybody. */
  readonly authorize: ((path: string, metadata: Metadata, peer: string) => void) | undefined;
}

export interface CallGuardOptions {
  readonly rulesOf: (path: string) => CallRules;
  readonly inflow: Inflow;
  /** How long a client may take nothing of what it asked for. */
  readonly writeTimeoutMs: number;
  readonly onBug: (thrown: unknown) => void;
}

/** In place of a message that could not be taken: grpc-js would make every such reason INTERNAL. */
class RefusedMessage {
  constructor(readonly reason: unknown) {}
}

/**
 * What grpc-js keeps to itself and has no option for: one size for a whole server, and no way to stop a client that
 * goes on sending after its answer. The version is pinned, and a spec shows that each of these does what we take it for.
 */
interface BaseCall extends ServerInterceptingCallInterface {
  readonly stream: ServerHttp2Stream;
  readonly decoder: { maxReadMessageLength: number };
  maxReceiveMessageSize: number;
}

interface ServerInside {
  _respondWithError(status: CallStatus, stream: ServerHttp2Stream, session: unknown): void;
  _verifyContentType(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean;
}

/**
 * Stands between grpc-js and the services: credentials before bodies, sizes per service, and every end of a call in
 * the one error form.
 */
export function guardCalls(options: CallGuardOptions): ServerInterceptor {
  const { rulesOf, inflow, writeTimeoutMs, onBug } = options;
  return (method, call) => {
    const base = call as BaseCall;
    const { limits, authorize } = rulesOf(method.path);
    base.maxReceiveMessageSize = limits.maxBytes;
    base.decoder.maxReadMessageLength = limits.maxBytes;
    const { stream } = base;
    const send = base.sendStatus.bind(base);
    const inflowing: Inflowing = { end: (reason) => base.sendStatus(toStatus(reason, onBug)) };
    // On the call itself: what grpc-js ends it with does not come by the interceptors.
    base.sendStatus = (status) => {
      inflow.leave(inflowing);
      send(inOneForm(status));
      stopReceiving(stream);
    };
    const write = base.sendMessage.bind(base);
    let cut: NodeJS.Timeout | undefined;
    // One after the other: grpc-js hands over a message when the one before has left.
    base.sendMessage = (message, done) => {
      // A status would wait behind what is not taken; clients read this code as RESOURCE_EXHAUSTED.
      cut = setTimeout(() => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM), writeTimeoutMs);
      write(message, () => {
        clearTimeout(cut);
        done();
      });
    };
    stream.once('close', () => {
      clearTimeout(cut);
      inflow.leave(inflowing);
    });
    return new ServerInterceptingCall(base, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, forward) => {
            try {
              authorize?.(method.path, metadata, base.getPeer());
            } catch (thrown) {
              base.sendStatus(toStatus(thrown, onBug));
              return;
            }
            inflow.begin(inflowing, method.requestStream);
            stream.on('data', (bytes: Buffer) => inflow.arrived(inflowing, bytes.length));
            forward(metadata);
          },
          onReceiveMessage: (message: unknown, forward) => {
            inflow.complete(inflowing);
            if (message instanceof RefusedMessage) base.sendStatus(toStatus(message.reason, onBug));
            else forward(message);
          },
        }),
    });
  };
}

/** First value of a metadata key, as text. */
export const valueIn =
  (metadata: Metadata) =>
  (key: string): string | undefined =>
    metadata.get(key)[0]?.toString();

const firstCheckMs = 5;
const slowestCheckMs = 1000;

/** Once a call is answered, nothing more of its request is taken from the wire. */
function stopReceiving(stream: ServerHttp2Stream, nextCheckMs = firstCheckMs): void {
  if (stream.closed || stream.destroyed || stream.readableEnded) return;
  stream.pause();
  // NO_ERROR behind the whole answer says: stop sending, the answer stands (RFC 9113, 8.1). It would overtake an answer
  // that has not left, and Node tells by nothing but the state when it has.
  if (stream.state?.localClose === 1) stream.close(constants.NGHTTP2_NO_ERROR);
  else setTimeout(stopReceiving, nextCheckMs, stream, Math.min(slowestCheckMs, 2 * nextCheckMs)).unref();
}

/** A definition whose messages are decoded within limits, and that hands over why one could not be. */
export function guardedDefinition(definition: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => {
      const requestDeserialize = (bytes: Buffer): unknown => {
        try {
          return method.requestDeserialize(bytes) as unknown;
        } catch (thrown) {
          return new RefusedMessage(
            thrown instanceof RapportError
              ? thrown
              : new RapportError(
                  'GRPC_MESSAGE_MALFORMED',
                  'invalid',
                  `expected the request of ${method.path} as protobuf; got ${bytes.length} bytes that are not: ${messageOf(thrown)}`,
                ),
          );
        }
      };
      return [name, { ...method, requestDeserialize }];
    }),
  );
}

/** What grpc-js answers before there is a call: unknown methods and other content types, in the one form. */
export function guardEntrance(server: Server): void {
  const inside = server as unknown as ServerInside;
  const respond = inside._respondWithError.bind(server);
  inside._respondWithError = (status, stream, session) => {
    const told = inOneForm(status);
    respond({ ...told, details: encodeURI(told.details) }, stream, session);
    stopReceiving(stream);
  };
  inside._verifyContentType = (stream, headers) => {
    const type = headers['content-type'];
    if (type?.startsWith('application/grpc') === true) return true;
    const message = `content-type: expected application/grpc; got ${JSON.stringify(type?.slice(0, 60) ?? 'none')}`;
    const code = 'GRPC_CONTENT_TYPE';
    stream.respond({
      ':status': 415,
      'content-type': 'application/json',
      'grpc-status': GrpcStatus.INVALID_ARGUMENT,
      'grpc-message': encodeURI(`${code}: ${message}`),
      'rapport-code': code,
    });
    stream.end(JSON.stringify({ error: { code, message } }));
    stopReceiving(stream);
    return false;
  };
}
