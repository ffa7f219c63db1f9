import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  Server,
  ServerCredentials,
  type Metadata,
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { RapportError } from '@rapport/kernel';
import { BoundedReader } from './bounded-reader.js';
import {
  guardCalls,
  guardedDefinition,
  guardEntrance,
  valueIn,
  type Authorize,
  type CallRules,
} from './call-guard.js';
import { toStatus } from './grpc-status.js';
import { Inflow } from './inflow.js';
import type { Tls } from './tls.js';
import { smallLimits, usualLimits, type MessageLimits } from './message-limits.js';
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
  /** Methods, by their key in the contract, that ask for something else than the host's `authorize` does: write keys, say. */
  readonly authorize?: Readonly<Record<string, Authorize>>;
  /** What a request message may cost; what is not named is as usual: 1 MiB, 50,000 objects. */
  readonly limits?: Partial<MessageLimits>;
}

type Method = (request: unknown, context?: CallContext) => Promise<unknown> | AsyncIterable<unknown>;

export interface GrpcServerOptions {
  readonly bindings: readonly GrpcBinding[];
  /** Judges every call of the bindings whose method has no rule of its own; health and reflection are open. */
  readonly authorize: Authorize;
  /** Bytes of requests that are on their way in at once. */
  readonly maxInFlightBytes: number;
  /** How long a request message may take to come. */
  readonly messageTimeoutMs: number;
  /** How long a client may take nothing of an answer. */
  readonly writeTimeoutMs: number;
  readonly tls?: Tls | undefined;
  readonly onBug: (thrown: unknown) => void;
}

/** Calls of one connection at once; a client with more of them waits or opens another. */
const maxConcurrentStreams = 1000;

/** gRPC with health (`grpc.health.v1`) and reflection (v1 and v1alpha) over grpc-js. */
export class GrpcServer {
  readonly #server: Server;
  readonly #inflow: Inflow;
  readonly #health: HealthImplementation;
  readonly #names: readonly string[];

  constructor(readonly options: GrpcServerOptions) {
    this.#inflow = new Inflow(options.maxInFlightBytes, options.messageTimeoutMs, () => performance.now());
    const rules = new Map<string, CallRules>();
    this.#server = new Server({
      'grpc.max_send_message_length': 64 << 20,
      'grpc.max_concurrent_streams': maxConcurrentStreams,
      interceptors: [
        guardCalls({
          rulesOf: (path) => rules.get(path) ?? { limits: smallLimits, authorize: undefined },
          inflow: this.#inflow,
          writeTimeoutMs: options.writeTimeoutMs,
          onBug: options.onBug,
        }),
      ],
    });
    guardEntrance(this.#server);
    for (const { contract, limits: own, authorize, ...binding } of options.bindings) {
      const limits = { ...usualLimits, ...own };
      for (const [key, { name }] of Object.entries(contract.methods))
        rules.set(`/${contract.fullName}/${name}`, {
          limits,
          authorize: authorize?.[key] ?? options.authorize,
        });
      const definition = serviceDefinition(contract, (bytes) => new BoundedReader(bytes, limits));
      this.#server.addService(guardedDefinition(definition), this.#handlers({ contract, ...binding }));
    }
    this.#names = ['', ...options.bindings.map((binding) => binding.contract.fullName)];
    this.#health = new HealthImplementation(
      Object.fromEntries(this.#names.map((name) => [name, 'NOT_SERVING' as const])),
    );
    this.#health.addToServer(this.#others);
  }

  /** Where ready-made services are added: their messages are decoded under guard too. */
  get #others(): Server {
    const addService: Server['addService'] = (definition, implementation) =>
      this.#server.addService(guardedDefinition(definition), implementation);
    return { addService } as Server;
  }

  /** Lets clients ask for the contracts. */
  async reflect(): Promise<void> {
    const { load } = await import('@grpc/proto-loader');
    const { ReflectionService } = await import('@grpc/reflection');
    const files = new Set(this.options.bindings.map(({ contract }) => protoFileOf(contract)));
    const packages = await load([...files], { keepCase: true, includeDirs: [protoDir()] });
    new ReflectionService(packages).addToServer(this.#others);
  }

  /** Listens; answers the port taken. */
  async listen(host: string, port: number): Promise<number> {
    return await new Promise((resolve, reject) => {
      this.#server.bindAsync(`${host}:${port}`, credentialsOf(this.options.tls), (error, taken) => {
        if (error) reject(error);
        else resolve(taken);
      });
    });
  }

  /** Bytes in memory of requests that are not complete. */
  get arriving(): number {
    return this.#inflow.bytes;
  }

  /** What health says, for the server and each of its services. */
  setServing(serving: boolean): void {
    for (const name of this.#names) this.#health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }

  /** Lets calls in hand end, at most for the grace period. */
  async stop(graceMs: number): Promise<void> {
    this.setServing(false);
    this.#inflow.stop();
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

  #handlers(binding: Pick<GrpcBinding, 'contract' | 'implementation'>): UntypedServiceImplementation {
    const handlers: UntypedServiceImplementation = {};
    for (const [key, contract] of Object.entries(binding.contract.methods)) {
      const method = (binding.implementation as Record<string, Method | undefined>)[key]?.bind(
        binding.implementation,
      );
      handlers[key] = this.#handler(contract, method);
    }
    return handlers;
  }

  #handler(contract: ContractMethod, method: Method | undefined): UntypedServiceImplementation[string] {
    const fail = (thrown: unknown): ReturnType<typeof toStatus> => toStatus(thrown, this.options.onBug);
    const open = (call: {
      metadata: Metadata;
      on(event: 'cancelled', listener: () => void): unknown;
    }): [Method, CallContext] => {
      if (method === undefined)
        throw new RapportError('RPC_UNIMPLEMENTED', 'unimplemented', `${contract.name} is not built yet`);
      const abort = new AbortController();
      call.on('cancelled', () => abort.abort());
      return [method, { metadata: valueIn(call.metadata), cancelled: abort.signal }];
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
        let cancelled: AbortSignal | undefined;
        try {
          const [run, context] = open(call);
          cancelled = context.cancelled;
          // Iterating the call itself would destroy it, answers and all, when the last request has come.
          const requests = contract.requestStream ? call.iterator({ destroyOnReturn: false }) : call.request;
          const answers = run(requests, context) as AsyncIterable<unknown>;
          for await (const response of answers) {
            if (cancelled.aborted) break;
            if (!call.write(response)) await once(call, 'drain', { signal: cancelled });
          }
          call.end();
        } catch (thrown) {
          // What breaks because the call has ended is told to nobody.
          if (cancelled?.aborted !== true) call.emit('error', fail(thrown));
        }
      })();
    };
    return stream as UntypedServiceImplementation[string];
  }
}

function credentialsOf(tls: Tls | undefined): ServerCredentials {
  if (tls?.own === undefined) return ServerCredentials.createInsecure();
  const { cert, key } = tls.own;
  const ca = tls.requiresClients ? (tls.ca ?? null) : null;
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], tls.requiresClients);
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
  'inference.GRPCInferenceService': 'inference/grpc_service.proto',
};

function protoFileOf(contract: ServiceContract): string {
  const file = protoFiles[contract.fullName];
  if (file === undefined)
    throw new Error(`no proto file is known for ${contract.fullName}; add it to protoFiles`);
  return file;
}
