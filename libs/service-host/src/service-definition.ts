import type { BinaryReader } from '@bufbuild/protobuf/wire';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

/** One method as ts-proto's generic definitions describe it. */
export interface ContractMethod {
  readonly name: string;
  readonly requestType: {
    encode(message: never): { finish(): Uint8Array };
    decode(input: BinaryReader | Uint8Array): unknown;
  };
  readonly requestStream: boolean;
  readonly responseType: {
    encode(message: never): { finish(): Uint8Array };
    decode(input: Uint8Array): unknown;
  };
  readonly responseStream: boolean;
}

/** A service as ts-proto's generic definitions describe it. */
export interface ServiceContract {
  readonly name: string;
  readonly fullName: string;
  readonly methods: Readonly<Record<string, ContractMethod>>;
}

/** The gRPC definition of one service, for server and client alike; a server says how it reads the bytes of a request. */
export function serviceDefinition(
  contract: ServiceContract,
  readerOf: (bytes: Buffer) => BinaryReader | Uint8Array = (bytes) => bytes,
): ServiceDefinition {
  const methods: Record<string, MethodDefinition<unknown, unknown>> = {};
  for (const [key, method] of Object.entries(contract.methods)) {
    methods[key] = {
      path: `/${contract.fullName}/${method.name}`,
      requestStream: method.requestStream,
      responseStream: method.responseStream,
      requestSerialize: (message) => Buffer.from(method.requestType.encode(message as never).finish()),
      requestDeserialize: (bytes) => method.requestType.decode(readerOf(bytes)),
      responseSerialize: (message) => Buffer.from(method.responseType.encode(message as never).finish()),
      responseDeserialize: (bytes) => method.responseType.decode(bytes),
    };
  }
  return methods;
}
