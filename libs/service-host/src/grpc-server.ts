import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  Metadata,
  Server,
  ServerCredentials,
  status as GrpcStatus,
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { RapportError, messageOf, type ErrorStatus } from '@rapport/kernel';
import { hasApiToken, type Credentials } from './credentials.js';
import { serviceDefinition, type ContractMethod, type ServiceContract } from './service-definition.js';

/** What an implementation may ask about a call beyond its request; absent for calls in process. */
export interface CallContext {
  /** First value of a metadata key, lower-case. */
  metadata(key: string): string | undefined;
  readonly cancelled: AbortSignal;
}

/** A service and the object that answers it: methods take (request, context?) and return a promise or an async iterable. */
export interface GrpcBinding {
  readonly contract: ServiceContract;
  readonly implementation: object;
  /** `open`: no token asked even beyond loopback (the front door checks write keys by itself). Default `token`. */
  readonly access?: 'open' | 'token';
}

type Method = (request: unknown, context?: CallContext) => Promise<unknown> | AsyncIterable<unknown>;

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

function toStatus(
  thrown: unknown,
  onBug: (thrown: unknown) => void,
): { code: GrpcStatus; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  if (thrown instanceof RapportError) {
    metadata.set('rapport-code', thrown.code);
    if (thrown.status === 'exhausted') metadata.set('retry-after', thrown.detail ?? '1');
    return { code: statusCodes[thrown.status], details: `${thrown.code}: ${thrown.message}`, metadata };
  }
  onBug(thrown);
  return { code: GrpcStatus.INTERNAL, details: `INTERNAL: ${messageOf(thrown)}`, metadata };
}

export interface GrpcServerOptions {
  readonly bindings: readonly GrpcBinding[];
  readonly credentials: Credentials;
  /** On loopback no token is asked. */
  readonly loopback: boolean;
  readonly onBug: (thrown: unknown) => void;
}

/** gRPC with health (`grpc.health.v1`) and reflection (v1 and v1alpha) over grpc-js. */
export class GrpcServer {
  readonly #server = new Server({
    'grpc.max_receive_message_length': 64 << 20,
    'grpc.max_send_message_length': 64 << 20,
  });
  readonly #health: HealthImplementation;
  readonly #names: readonly string[];

  constructor(readonly options: GrpcServerOptions) {
    for (const binding of options.bindings) {
      this.#server.addService(serviceDefinition(binding.contract), this.#handlers(binding));
    }
    this.#names = ['', ...options.bindings.map((binding) => binding.contract.fullName)];
    this.#health = new HealthImplementation(
      Object.fromEntries(this.#names.map((name) => [name, 'NOT_SERVING' as const])),
    );
    this.#health.addToServer(this.#server);
  }

  /** Lets clients ask for the contracts. */
  async reflect(): Promise<void> {
    const { load } = await import('@grpc/proto-loader');
    const { ReflectionService } = await import('@grpc/reflection');
    const files = new Set(this.options.bindings.map(({ contract }) => protoFileOf(contract)));
    const packages = await load([...files], { keepCase: true, includeDirs: [protoDir()] });
    new ReflectionService(packages).addToServer(this.#server);
  }

  /** Listens; answers the port taken. */
  async listen(host: string, port: number): Promise<number> {
    return await new Promise((resolve, reject) => {
      this.#server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, taken) => {
        if (error) reject(error);
        else resolve(taken);
      });
    });
  }

  /** What health says, for the server and each of its services. */
  setServing(serving: boolean): void {
    for (const name of this.#names) this.#health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }

  /** Lets calls in hand end, at most for the grace period. */
  async stop(graceMs: number): Promise<void> {
    this.setServing(false);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #handlers(binding: GrpcBinding): UntypedServiceImplementation {
    const handlers: UntypedServiceImplementation = {};
    for (const [key, contract] of Object.entries(binding.contract.methods)) {
      const method = (binding.implementation as Record<string, Method | undefined>)[key]?.bind(
        binding.implementation,
      );
      handlers[key] = this.#handler(contract, method, binding.access ?? 'token');
    }
    return handlers;
  }

  #handler(
    contract: ContractMethod,
    method: Method | undefined,
    access: 'open' | 'token',
  ): UntypedServiceImplementation[string] {
    const fail = (thrown: unknown): ReturnType<typeof toStatus> => toStatus(thrown, this.options.onBug);
    const open = (call: {
      metadata: Metadata;
      on(event: 'cancelled', listener: () => void): unknown;
    }): [Method, CallContext] => {
      if (method === undefined)
        throw new RapportError('RPC_UNIMPLEMENTED', 'unimplemented', `${contract.name} is not built yet`);
      const value = (name: string): string | undefined => call.metadata.get(name)[0]?.toString();
      if (
        access === 'token' &&
        !this.options.loopback &&
        !hasApiToken(this.options.credentials, value('authorization'))
      ) {
        throw new RapportError(
          'AUTH_TOKEN_MISSING',
          'unauthenticated',
          'expected metadata authorization: Bearer <RAPPORT_API_TOKEN>',
        );
      }
      const abort = new AbortController();
      call.on('cancelled', () => abort.abort());
      return [method, { metadata: value, cancelled: abort.signal }];
    };
    if (!contract.requestStream && !contract.responseStream) {
      const unary: handleUnaryCall<unknown, unknown> = (call, answer) => {
        void (async () => {
          try {
            const [run, context] = open(call);
            answer(null, await (run(call.request, context) as Promise<unknown>));
          } catch (thrown) {
            answer(fail(thrown));
          }
        })();
      };
      return unary;
    }
    type StreamCall = Parameters<handleBidiStreamingCall<unknown, unknown>>[0] &
      Parameters<handleServerStreamingCall<unknown, unknown>>[0];
    const stream = (call: StreamCall): void => {
      void (async () => {
        try {
          const [run, context] = open(call);
          // Iterating the call itself would destroy it, answers and all, when the last request has come.
          const requests = contract.requestStream ? call.iterator({ destroyOnReturn: false }) : call.request;
          const answers = run(requests, context) as AsyncIterable<unknown>;
          for await (const response of answers) {
            if (context.cancelled.aborted) break;
            if (!call.write(response))
              await new Promise<void>((resolve) => call.once('drain', resolve).once('cancelled', resolve));
          }
          call.end();
        } catch (thrown) {
          call.emit('error', fail(thrown));
        }
      })();
    };
    return stream as UntypedServiceImplementation[string];
  }
}

/** The folder `proto/` of this checkout or image. */
function protoDir(): string {
  return process.env['RAPPORT_PROTO_DIR'] ?? join(dirname(fileURLToPath(import.meta.url)), '../../../proto');
}

const protoFiles: Record<string, string> = {
  'rapport.ingestion.v1.IngestionService': 'rapport/ingestion/v1/ingestion.proto',
  'rapport.identity.v1.IdentityService': 'rapport/identity/v1/identity.proto',
  'rapport.profiles.v1.ProfilesService': 'rapport/profiles/v1/profiles.proto',
  'rapport.models.v1.ModelsService': 'rapport/models/v1/models.proto',
  'rapport.orchestrator.v1.DecisionsService': 'rapport/orchestrator/v1/decisions.proto',
  'rapport.orchestrator.v1.JourneysService': 'rapport/orchestrator/v1/journeys.proto',
  'rapport.orchestrator.v1.MessagesService': 'rapport/orchestrator/v1/messages.proto',
  'inference.GRPCInferenceService': 'inference/grpc_service.proto',
};

function protoFileOf(contract: ServiceContract): string {
  const file = protoFiles[contract.fullName];
  if (file === undefined)
    throw new Error(`no proto file is known for ${contract.fullName}; add it to protoFiles`);
  return file;
}
