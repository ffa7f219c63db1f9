import type { FastifyInstance } from 'fastify';
import type { Clock, Random } from '@rapport/kernel';
import type { DocumentStore } from '@rapport/document-store';
import type { EventLog } from '@rapport/event-log';
import type { Playbook } from '@rapport/playbook';
import type { Telemetry } from '@rapport/telemetry';
import type { Calls } from './calls.js';
import type { Credentials } from './credentials.js';
import type { GrpcBinding } from './grpc-server.js';

/** What the host gives to every service module; injected by the token HOST. */
export interface Host {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: EventLog;
  readonly store: DocumentStore;
  readonly telemetry: Telemetry;
  readonly playbook: Playbook;
  readonly credentials: Credentials;
  /** The other services, in process or over gRPC. */
  readonly calls: Calls;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** True when nothing is meant to be public (loopback only). */
  readonly loopback: boolean;
  /**
   * Where this machine reaches the process over HTTP. Throws while the port is not known: RAPPORT_HTTP_PORT=0 takes a
   * free one only when the process listens.
   */
  readonly httpUrl: () => string;
}

/** Nest's injection token for the Host. */
export const HOST = Symbol('HOST');

/** What a service hands to its host. The host mounts routes and gRPC, starts, asks, settles and stops it. */
export interface Room {
  readonly name: string;
  /** Mounts HTTP routes in a Fastify scope of its own (its hooks and body parsers do not leak). */
  readonly routes?: (http: FastifyInstance) => void | Promise<void>;
  readonly grpc?: readonly GrpcBinding[];
  /** Opens collections, checks registries, starts consuming. */
  start(): Promise<void>;
  /** Undefined when ready; otherwise one line that says what it waits for. */
  readiness(): Promise<string | undefined>;
  /** Resolves when all input present at the call is handled and every timer due by the clock has fired. */
  settle(): Promise<void>;
  /** Its part of GET /v1/status; merged with those of the other rooms. */
  readonly status?: () => Promise<Readonly<Record<string, unknown>>>;
  /** Stops consuming, finishes what is in hand, flushes. */
  stop(): Promise<void>;
}

/** The rooms of this process, in the order they were added. */
export class Rooms {
  readonly #rooms: Room[] = [];

  add<R extends Room>(room: R): R {
    if (this.#rooms.some((known) => known.name === room.name))
      throw new Error(`room ${room.name} was added twice`);
    this.#rooms.push(room);
    return room;
  }

  all(): readonly Room[] {
    return this.#rooms;
  }
}
