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
import { accessProblem, actions, type Access } from './access/actions.js';
import type { AuditedCall, AuditLog, Ending } from './access/audit-log.js';
import { subjectOf } from './access/audit-subject.js';
import type { Asked, Caller, Gate } from './access/gate.js';
import { addressOfPeer } from './access/wrong-tokens.js';
import { BoundedReader } from './bounded-reader.js';
import {
  guardCalls,
  guardedDefinition,
  guardEntrance,
  valueIn,
  type Authorize,
  type CallRules,
} from './call-guard.js';
import { statusNameOf, toStatus } from './grpc-status.js';
import { Inflow } from './inflow.js';
import type { Tls } from './tls.js';
import { smallLimits, usualLimits, type MessageLimits } from './message-limits.js';
import { serviceDefinition, type ContractMethod, type ServiceContract } from './service-definition.js';

/** What an implementation may ask about a call beyond its request; absent for calls in process. */
export interface CallContext extends Asked {
  /** First value of a metadata key, lower-case. */
  metadata(key: string): string | undefined;
  readonly cancelled: AbortSignal;
}

/** A service and the object that answers it: methods take (request, context?) and return a promise or an async iterable. */
export interface GrpcBinding {
  readonly contract: ServiceContract;
  readonly implementation: object;
  /** What each method asks of its caller, by its key in the contract; a method without stops the start. */
  readonly access: Readonly<Record<string, Access>>;
  /** Who judges the callers of methods that are open: those that ask for write keys, say. */
  readonly authorize?: Readonly<Record<string, Authorize>>;
  /** What a request message may cost; what is not named is as usual: 1 MiB, 50,000 objects. */
  readonly limits?: Partial<MessageLimits>;
}

/** A binding whose access names every method of the contract, and no other. */
export const grpcBinding = <Contract extends ServiceContract>(
  contract: Contract,
  implementation: object,
  access: { readonly [Method in keyof Contract['methods']]: Access },
  more: Pick<GrpcBinding, 'authorize' | 'limits'> = {},
): GrpcBinding => ({
  contract,
  implementation,
  access,
  ...more,
});

type Method = (request: unknown, context?: CallContext) => Promise<unknown> | AsyncIterable<unknown>;

export interface GrpcServerOptions {
  readonly bindings: readonly GrpcBinding[];
  /** Judges every call of a method that asks for an action; health and reflection are open. */
  readonly gate: Gate;
  /** Absent: nothing is audited. */
  readonly audit?: Pick<AuditLog, 'begin' | 'note'>;
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
  readonly #access = new Map<string, Access>();
  readonly #streaming = new Set<string>();
  readonly #callers = new WeakMap<Metadata, Caller>();

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
    for (const binding of options.bindings) {
      const { contract } = binding;
      const limits = { ...usualLimits, ...binding.limits };
      for (const [key, method] of Object.entries(contract.methods)) {
        const path = pathOf(contract, method);
        const access = declaredAccess(binding, key);
        this.#access.set(path, access);
        if (method.responseStream) this.#streaming.add(path);
        const own = binding.authorize?.[key];
        rules.set(path, {
          limits,
          authorize: typeof access === 'string' ? this.authorize : own && this.#ownRule(own),
        });
      }
      const definition = serviceDefinition(contract, (bytes) => new BoundedReader(bytes, limits));
      this.#server.addService(guardedDefinition(definition), this.#handlers(binding));
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

  /** Every RPC of a binding, by path, with what it asks for. */
  get doors(): readonly { readonly door: string; readonly access: Access }[] {
    return [...this.#access].map(([door, access]) => ({ door, access }));
  }

  /**
   * Judges a call by its path and metadata alone, so that nothing of its body has to be read for that. Paths that are
   * not of a binding (health, reflection) are open. Throws the AUTH_* errors.
   */
  readonly authorize = (path: string, metadata: Metadata, peer: string): void => {
    const access = this.#access.get(path);
    if (typeof access !== 'string') return;
    const approach = {
      authorization: metadata.get('authorization')[0]?.toString(),
      address: addressOfPeer(peer),
      door: path,
    };
    const caller = this.options.gate.recognise(approach);
    this.#callers.set(metadata, caller);
    try {
      this.options.gate.judge(caller, access, approach);
    } catch (thrown) {
      this.#note(
        path,
        access,
        caller,
        undefined,
        peer,
      )?.({ outcome: 'refused', status: 'PERMISSION_DENIED' });
      throw thrown;
    }
  };

  /** A rule of the binding's own for an open method; it may ask who has a token, which is judged as everywhere. */
  readonly #ownRule =
    (own: Authorize) =>
    (path: string, metadata: Metadata, peer: string): void => {
      const value = valueIn(metadata);
      own(path, value, peer, () => {
        const authorization = value('authorization');
        if (authorization === undefined) return undefined;
        try {
          return this.options.gate.recognise({ authorization, address: addressOfPeer(peer), door: path });
        } catch {
          // Counted and slowed down as a wrong token is; what is missing is told by the rule.
          return undefined;
        }
      });
    };

  /** What ends the audit entry of a call that is not begun in it; undefined where it is not audited. */
  #note(
    path: string,
    access: Access,
    caller: Caller | undefined,
    request: unknown,
    peer: string,
  ): ((ending: Ending) => void) | undefined {
    const call = this.#auditedCall(path, access, caller, request, peer);
    return call === undefined ? undefined : (ending) => this.options.audit?.note(call, ending);
  }

  #auditedCall(
    path: string,
    access: Access,
    caller: Caller | undefined,
    request: unknown,
    peer: string,
  ): AuditedCall | undefined {
    if (this.options.audit === undefined || caller === undefined || caller.internal) return undefined;
    if (typeof access !== 'string' || actions[access].audited === 'no') return undefined;
    return {
      token: caller.name,
      action: access,
      door: path,
      subject: subjectOf(request),
      address: addressOfPeer(peer),
    };
  }

  /** Begins the audit entry of a call: a change is written before it is done. Answers what ends it. */
  async #begin(
    path: string,
    caller: Caller | undefined,
    request: unknown,
    peer: string,
  ): Promise<((ending: Ending) => void) | undefined> {
    const access = this.#access.get(path);
    if (typeof access !== 'string' || actions[access].audited === 'no') return undefined;
    // A stream may last for days: that it began is written too.
    if (actions[access].audited === 'read' && !this.#streaming.has(path))
      return this.#note(path, access, caller, request, peer);
    const call = this.#auditedCall(path, access, caller, request, peer);
    return call === undefined ? undefined : await this.options.audit?.begin(call);
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

  #handlers(binding: GrpcBinding): UntypedServiceImplementation {
    const handlers: UntypedServiceImplementation = {};
    for (const [key, contract] of Object.entries(binding.contract.methods)) {
      const method = (binding.implementation as Record<string, Method | undefined>)[key]?.bind(
        binding.implementation,
      );
      handlers[key] = this.#handler(contract, method, pathOf(binding.contract, contract));
    }
    return handlers;
  }

  #handler(
    contract: ContractMethod,
    method: Method | undefined,
    path: string,
  ): UntypedServiceImplementation[string] {
    const fail = (thrown: unknown): ReturnType<typeof toStatus> => toStatus(thrown, this.options.onBug);
    const open = (call: OpenCall): [Method, CallContext] => {
      if (method === undefined)
        throw new RapportError('RPC_UNIMPLEMENTED', 'unimplemented', `${contract.name} is not built yet`);
      const abort = new AbortController();
      call.on('cancelled', () => abort.abort());
      const caller = this.#callers.get(call.metadata);
      return [
        method,
        {
          metadata: valueIn(call.metadata),
          cancelled: abort.signal,
          ...(caller === undefined ? {} : { caller }),
        },
      ];
    };
    const audited = async (
      call: OpenCall & { readonly request?: unknown },
      caller: Caller | undefined,
      run: () => Promise<void>,
    ): Promise<void> => {
      const end = await this.#begin(path, caller, call.request, call.getPeer());
      try {
        await run();
        end?.({ outcome: 'done', status: 'OK' });
      } catch (thrown) {
        end?.({ outcome: 'failed', status: statusNameOf(thrown) });
        throw thrown;
      }
    };
    if (!contract.requestStream && !contract.responseStream) {
      const unary: handleUnaryCall<unknown, unknown> = (call, answer) => {
        void (async () => {
          try {
            const [run, context] = open(call);
            await audited(call, context.caller, async () =>
              answer(null, await (run(call.request, context) as Promise<unknown>)),
            );
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
          const signal = (cancelled = context.cancelled);
          // Iterating the call itself would destroy it, answers and all, when the last request has come.
          const requests = contract.requestStream ? call.iterator({ destroyOnReturn: false }) : call.request;
          await audited(call, context.caller, async () => {
            const answers = run(requests, context) as AsyncIterable<unknown>;
            for await (const response of answers) {
              if (signal.aborted) break;
              if (!call.write(response)) await once(call, 'drain', { signal });
            }
          });
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

/** What is asked of a call before its request is looked at. */
interface OpenCall {
  readonly metadata: Metadata;
  getPeer(): string;
  on(event: 'cancelled', listener: () => void): unknown;
}

const pathOf = (contract: ServiceContract, method: ContractMethod): string =>
  `/${contract.fullName}/${method.name}`;

/** Throws RPC_ACCESS_UNDECLARED where a method does not say what it asks of its caller. */
function declaredAccess({ contract, access }: GrpcBinding, key: string): Access {
  const declared = access[key];
  const problem = accessProblem(declared);
  if (problem === undefined && declared !== undefined) return declared;
  throw new RapportError(
    'RPC_ACCESS_UNDECLARED',
    'internal',
    `${contract.fullName}.${key}: ${problem}. Give its binding access: { ${key}: '…' } with an action of libs/service-host/src/access/actions.ts, or { open: 'why' }`,
  );
}

/** The folder `proto/` of this checkout or image. */
function protoDir(): string {
  return process.env['RAPPORT_PROTO_DIR'] ?? join(dirname(fileURLToPath(import.meta.url)), '../../../proto');
}

const protoFiles: Record<string, string> = {
  'rapport.access.v1.AccessService': 'rapport/access/v1/access.proto',
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
