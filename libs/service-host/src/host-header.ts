import { BlockList, isIP } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RapportError } from '@rapport/kernel';

const loopbackNet = new BlockList();
loopbackNet.addSubnet('127.0.0.0', 8, 'ipv4');
loopbackNet.addAddress('::1', 'ipv6');

/** The host that a Host header names, without its port and brackets, in lower case. */
const hostIn = (header: string): string =>
  /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/
    .exec(header)
    ?.slice(1)
    .find((part) => part !== undefined)
    ?.toLowerCase() ?? '';

/**
 * Whether a Host header names a door on loopback by one of its own names. What a browser asks for on behalf of a page of
 * somebody else's, under a name that was made to point here ("DNS rebinding"), carries that name.
 */
export function namesLoopback(header: string | undefined, ownNames: readonly string[]): boolean {
  const host = hostIn(header ?? '');
  const family = isIP(host);
  if (family !== 0) return loopbackNet.check(host, family === 4 ? 'ipv4' : 'ipv6') || ownNames.includes(host);
  return host !== '' && (host === 'localhost' || host.endsWith('.localhost') || ownNames.includes(host));
}

/** Other names of this process: the address that it binds to and the host of RAPPORT_PUBLIC_URL. */
export function ownNamesOf(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  const { RAPPORT_HOST: bound, RAPPORT_PUBLIC_URL: publicUrl } = environment;
  return [
    ...(bound === undefined ? [] : [bound.toLowerCase()]),
    ...(publicUrl !== undefined && URL.canParse(publicUrl) ? [hostIn(new URL(publicUrl).host)] : []),
  ];
}

/**
 * A Fastify hook (onRequest) for what asks for no token on loopback: refuses, with HOST_UNKNOWN, what was not sent to a
 * name of ours. Beyond loopback it lets everything by: there a token is asked.
 */
export function loopbackHostOnly(host: {
  readonly loopback: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  const ownNames = ownNamesOf(host.environment);
  return async (request) => {
    if (host.loopback && !namesLoopback(request.headers.host, ownNames))
      throw hostUnknown(request.headers.host);
    await Promise.resolve();
  };
}

export const hostUnknown = (header: string | undefined): RapportError =>
  new RapportError(
    'HOST_UNKNOWN',
    'forbidden',
    `host: expected localhost, an address of this machine or the host of RAPPORT_PUBLIC_URL; got ${JSON.stringify((header ?? '').slice(0, 100))}`,
  );
