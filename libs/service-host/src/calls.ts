import {
  credentials as channelCredentials,
  makeGenericClientConstructor,
  Metadata,
  status,
  type ChannelCredentials,
  type Client,
  type ServiceError,
} from '@grpc/grpc-js';
import { RapportError, type ErrorStatus } from '@rapport/kernel';
import type { Tls } from './tls.js';
import { serviceDefinition, type ContractMethod, type ServiceContract } from './service-definition.js';

/** Reaches other services by their contract: in process where they live here, over gRPC otherwise. */
export interface Calls {
  /** Tells that this process answers a service. */
  provide(contract: ServiceContract, implementation: object): void;
  /** A client of a service; S is the interface that ts-proto generated. Resolved at the first call. */
  to<S extends object>(contract: ServiceContract): S;
  close(): void;
}

export interface CallsOptions {
  /** Where a service listens, `host:port`, by its full name; undefined when none is configured. */
  readonly addressOf: (fullName: string) => string | undefined;
  readonly apiToken: string;
  /** Whom to believe, and with what to show who calls; absent: no TLS. */
  readonly tls?: Tls | undefined;
  /** Deadline of a unary call. Default 5000. */
  readonly timeoutMs?: number;
}

type Methods = Record<string, (request: unknown) => unknown>;

const errorStatuses = new Map<number, ErrorStatus>([
  [status.INVALID_ARGUMENT, 'invalid'],
  [status.UNAUTHENTICATED, 'unauthenticated'],
  [status.PERMISSION_DENIED, 'forbidden'],
  [status.NOT_FOUND, 'not_found'],
  [status.FAILED_PRECONDITION, 'conflict'],
  [status.RESOURCE_EXHAUSTED, 'exhausted'],
  [status.UNAVAILABLE, 'unavailable'],
  [status.DEADLINE_EXCEEDED, 'unavailable'],
  [status.UNIMPLEMENTED, 'unimplemented'],
]);

function toRapportError(error: ServiceError): RapportError {
  const code = error.metadata.get('rapport-code')[0]?.toString() ?? `GRPC_${status[error.code]}`;
  return new RapportError(
    code,
    errorStatuses.get(error.code) ?? 'internal',
    error.details.replace(`${code}: `, ''),
  );
}

export function createCalls(options: CallsOptions): Calls {
  const local = new Map<string, Methods>();
  const remote = new Map<string, { client: Client; methods: Methods }>();

  const connect = (contract: ServiceContract): Methods => {
    const known = remote.get(contract.fullName);
    if (known) return known.methods;
    const address = options.addressOf(contract.fullName);
    if (address === undefined) {
      throw new RapportError(
        'CALLS_NO_ADDRESS',
        'unavailable',
        `${contract.fullName} runs in another process and no address is configured for it`,
      );
    }
    const ClientOf = makeGenericClientConstructor(serviceDefinition(contract), contract.name);
    const client = new ClientOf(address, credentialsOf(options.tls), {
      'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
      'grpc.max_receive_message_length': 64 << 20,
      'grpc.max_send_message_length': 64 << 20,
    });
    const methods: Methods = {};
    for (const [key, method] of Object.entries(contract.methods))
      methods[key] = remoteMethod(client, contract, method, options);
    remote.set(contract.fullName, { client, methods });
    return methods;
  };

  return {
    provide: (contract, implementation) => void local.set(contract.fullName, implementation as Methods),
    to: <S extends object>(contract: ServiceContract): S => {
      const stub: Methods = {};
      for (const key of Object.keys(contract.methods)) {
        stub[key] = (request) => {
          const target = local.get(contract.fullName) ?? connect(contract);
          const method = target[key];
          if (method === undefined)
            throw new RapportError(
              'RPC_UNIMPLEMENTED',
              'unimplemented',
              `${contract.name}.${key} is not built yet`,
            );
          return method.call(target, request);
        };
      }
      return stub as S;
    },
    close: () => {
      for (const { client } of remote.values()) client.close();
    },
  };
}

function credentialsOf(tls: Tls | undefined): ChannelCredentials {
  if (tls === undefined) return channelCredentials.createInsecure();
  return channelCredentials.createSsl(tls.ca ?? null, tls.own?.key ?? null, tls.own?.cert ?? null);
}

function remoteMethod(
  client: Client,
  contract: ServiceContract,
  method: ContractMethod,
  options: CallsOptions,
): (request: unknown) => unknown {
  const path = `/${contract.fullName}/${method.name}`;
  const encode = (message: unknown): Buffer =>
    Buffer.from(method.requestType.encode(message as never).finish());
  const decode = (bytes: Buffer): unknown => method.responseType.decode(bytes);
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${options.apiToken}`);
  if (method.responseStream) {
    return (request) => client.makeServerStreamRequest(path, encode, decode, request, metadata);
  }
  return (request) =>
    new Promise((resolve, reject) => {
      const deadline = Date.now() + (options.timeoutMs ?? 5000);
      client.makeUnaryRequest(path, encode, decode, request, metadata, { deadline }, (error, answer) => {
        if (error) reject(toRapportError(error));
        else resolve(answer);
      });
    });
}
