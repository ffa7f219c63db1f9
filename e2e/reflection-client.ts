import type { Client, ClientDuplexStream } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';

// This client knows one contract, reflection's own, by its field numbers. Everything else it asks the server.
const reflectionProto = `
syntax = "proto3";
message Request { string host = 1; oneof ask { string file_by_filename = 3; string file_containing_symbol = 4; string list_services = 7; } }
message Files { repeated bytes file_descriptor_proto = 1; }
message Service { string name = 1; }
message Services { repeated Service service = 1; }
message Failure { int32 error_code = 1; string error_message = 2; }
message Response { string valid_host = 1; Files file_descriptor_response = 4; Services list_services_response = 6; Failure error_response = 7; }
`;
interface Reflected {
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Uint8Array[] };
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly errorResponse?: { readonly errorCode: number; readonly errorMessage: string };
}

const { root: own } = protobuf.parse(reflectionProto);
const Request = own.lookupType('Request');
const Response = own.lookupType('Response');

/** The descriptor extension adds this to Root at run time; its types do not say so. */
const rootOf = protobuf.Root as unknown as {
  fromDescriptor(set: protobuf.Message): protobuf.Root;
};

interface FileDescriptor {
  readonly name: string;
  readonly dependency?: readonly string[];
}

/** Asks reflection one thing after the other on one stream. */
export class Reflection {
  readonly #stream: ClientDuplexStream<object, Reflected>;

  constructor(client: Client, version: 'v1' | 'v1alpha') {
    this.#stream = client.makeBidiStreamRequest<object, Reflected>(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      (request) => Buffer.from(Request.encode(Request.fromObject(request)).finish()),
      (bytes) => Response.toObject(Response.decode(bytes), { arrays: false }),
    );
  }

  async ask(request: object): Promise<Reflected> {
    const answer = new Promise<Reflected>((resolve, reject) =>
      this.#stream.once('data', resolve).once('error', reject),
    );
    this.#stream.write(request);
    return await answer;
  }

  async services(): Promise<readonly string[]> {
    const { listServicesResponse } = await this.ask({ listServices: '*' });
    return (listServicesResponse?.service ?? []).map(({ name }) => name).sort();
  }

  /** The types of a service, with every file that they depend on. */
  async typesOf(service: string): Promise<protobuf.Root> {
    const files = new Map<string, FileDescriptor>();
    const take = (answer: Reflected): void => {
      for (const bytes of answer.fileDescriptorResponse?.fileDescriptorProto ?? []) {
        const decoded: unknown = descriptor.FileDescriptorProto.decode(bytes);
        const file = decoded as FileDescriptor;
        files.set(file.name, file);
      }
    };
    const missing = (): string | undefined =>
      [...files.values()].flatMap((file) => file.dependency ?? []).find((name) => !files.has(name));
    take(await this.ask({ fileContainingSymbol: service }));
    for (let name = missing(); name !== undefined; name = missing())
      take(await this.ask({ fileByFilename: name }));
    const root = rootOf.fromDescriptor(
      descriptor.FileDescriptorSet.fromObject({ file: [...files.values()] }),
    );
    root.resolveAll();
    return root;
  }

  close(): void {
    this.#stream.cancel();
    this.#stream.on('error', () => undefined);
  }
}
