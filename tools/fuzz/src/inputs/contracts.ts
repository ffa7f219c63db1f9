import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const protoDir = fileURLToPath(new URL('../../../../proto', import.meta.url));

/** A method of the platform's contracts. */
export interface Method {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: protobuf.Type;
  readonly response: protobuf.Type;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

// The platform has to bear what no well-behaved client can write.
Object.assign(protobuf.util, { recursionLimit: 10_000 });

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => join(protoDir, target);
root.loadSync(
  readdirSync(protoDir, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.proto')),
);
root.resolveAll();

function* servicesIn(space: protobuf.NamespaceBase): Generator<protobuf.Service> {
  for (const part of space.nestedArray) {
    if (part instanceof protobuf.Service) yield part;
    if (part instanceof protobuf.Namespace) yield* servicesIn(part);
  }
}

/** Every method of every service in `proto/`. */
export const methods: readonly Method[] = [...servicesIn(root)].flatMap((service) =>
  service.methodsArray.map((method) => ({
    path: `/${service.fullName.slice(1)}/${method.name}`,
    request: method.resolvedRequestType as protobuf.Type,
    response: method.resolvedResponseType as protobuf.Type,
    requestStream: method.requestStream === true,
    responseStream: method.responseStream === true,
  })),
);
