import type { BinaryReader } from '@bufbuild/protobuf/wire';
import { hiddenValue, RapportError, withoutPersonalIdentifier, withoutPersonalText } from '@rapport/kernel';
import { ingestionProto, placeOf } from '@rapport/contracts';
import {
  grpcBinding,
  seesPersonal,
  type Asked,
  type Authorize,
  type CallContext,
  type GrpcBinding,
} from '@rapport/service-host';
import type { Verdict } from '../domain/verdicts.js';
import type { WriteKey } from '../domain/write-keys.js';
import type { ArchivedRejection, RejectedArchive } from '../ports/rejected-archive.js';
import type { ReplayRejected } from '../replay-rejected.pipeline.js';
import { answersInOrder } from './answers-in-order.js';
import type { FrontDoor } from './front-door.js';
import { readAcceptRequest } from './read-accept-request.js';

export interface IngestionGrpcParts {
  readonly door: FrontDoor;
  readonly archive: RejectedArchive;
  readonly replay: ReplayRejected;
  readonly maxEventBytes: number;
  readonly maxBodyBytes: number;
  readonly maxBatchEvents: number;
}

/** Requests of one stream that are on their way at once. */
const streamWindow = 16;
/** What an event weighs beside its bytes: the objects that are made of it. */
const eventCostBytes = 512;
const maxReplays = 1000;

type Batch = ingestionProto.AcceptRequest & { readonly arrivedBytes?: number };

/** How the service is reached: keys are judged by metadata, and requests are read as a stranger's. */
export function ingestionBinding(implementation: IngestionGrpc, parts: IngestionGrpcParts): GrpcBinding {
  const { door, maxBatchEvents, maxBodyBytes } = parts;
  const { accept, acceptStream } = ingestionProto.IngestionServiceDefinition.methods;
  const authorize: Authorize = (_path, metadata, _peer, caller) => {
    const writeKey = metadata('x-write-key');
    if (writeKey !== undefined) keyOf(door, writeKey);
    // Other rooms, and who may bring in events under any source: they name a key in the request.
    else if (caller()?.can('events.import') !== true) throw keyMissing();
  };
  const open = { open: 'the front door judges write keys' };
  const requestType = {
    encode: (request: Batch) => ingestionProto.AcceptRequest.encode(request),
    decode: (input: BinaryReader | Uint8Array) => readAcceptRequest(input, maxBatchEvents),
  };
  const contract = {
    ...ingestionProto.IngestionServiceDefinition,
    methods: {
      ...ingestionProto.IngestionServiceDefinition.methods,
      accept: { ...accept, requestType },
      acceptStream: { ...acceptStream, requestType },
    },
  };
  const access = {
    accept: open,
    acceptStream: open,
    listRejected: 'events.rejected.read',
    replayRejected: 'events.rejected.replay',
  } as const;
  return grpcBinding(contract, implementation, access, {
    authorize: { accept: authorize, acceptStream: authorize },
    // As with JSON bodies, the bytes alone bound what is in them: the decoder counts the events by itself.
    limits: { maxBytes: maxBodyBytes, maxObjects: maxBodyBytes, maxReads: 2 * maxBodyBytes },
  });
}

/** The gRPC side of the front door: the same pipeline, the same verdicts. */
export class IngestionGrpc implements ingestionProto.IngestionService {
  constructor(private readonly parts: IngestionGrpcParts) {}

  async accept(request: Batch, context?: CallContext): Promise<ingestionProto.AcceptResponse> {
    return await this.#take(
      request,
      request.writeKey === '' ? (context?.metadata('x-write-key') ?? '') : request.writeKey,
    );
  }

  acceptStream(
    requests: AsyncIterable<Batch>,
    context?: CallContext,
  ): AsyncIterable<ingestionProto.AcceptStreamResponse> {
    // A key holds until another one comes.
    let writeKey = context?.metadata('x-write-key') ?? '';
    return answersInOrder(requests, streamWindow, (request) => {
      if (request.writeKey !== '') writeKey = request.writeKey;
      return this.#take(request, writeKey);
    });
  }

  async listRejected(
    request: ingestionProto.ListRejectedRequest,
    asked?: Asked,
  ): Promise<ingestionProto.ListRejectedResponse> {
    const { archive } = this.parts;
    const tell = (one: ArchivedRejection): ingestionProto.RejectedRecord =>
      seesPersonal(asked) ? tellRejected(one) : withoutOriginal(tellRejected(one));
    if (request.id !== '') {
      const found = await archive.find(request.id);
      return { records: found === undefined ? [] : [tell(found)] };
    }
    const newest = await archive.newest({
      limit: request.limit === 0 ? 100 : Math.min(request.limit, 1000),
      code: request.code === '' ? undefined : request.code,
      stage: request.stage === '' ? undefined : request.stage,
    });
    return { records: newest.map(tell) };
  }

  async replayRejected(
    request: ingestionProto.ReplayRejectedRequest,
  ): Promise<ingestionProto.ReplayRejectedResponse> {
    if (request.ids.length > maxReplays) {
      throw new RapportError(
        'INGESTION_BATCH_TOO_MANY',
        'invalid',
        `ids: expected at most ${maxReplays}; got ${request.ids.length}`,
      );
    }
    return { results: (await this.parts.replay.replay(request.ids)).map(toProto) };
  }

  async #take(request: Batch, writeKey: string): Promise<ingestionProto.AcceptResponse> {
    const { door, maxBatchEvents, maxEventBytes } = this.parts;
    const key = keyOf(door, writeKey);
    if (request.events.length > maxBatchEvents) {
      throw new RapportError(
        'INGESTION_BATCH_TOO_MANY',
        'invalid',
        `events: expected at most ${maxBatchEvents}; got ${request.events.length}; nothing of it was accepted`,
      );
    }
    const bytes = (request.arrivedBytes ?? 0) + request.events.length * eventCostBytes;
    const stay = door.isBehind() ? undefined : door.admit(key, '');
    if (stay?.grow(bytes) !== true) {
      stay?.leave();
      throw overCapacity(door.retryAfterSeconds());
    }
    try {
      const receivedAtMs = door.clock.now();
      const verdicts = await new Promise<readonly Verdict[]>((resolve, reject) => {
        door.accept.submit({
          events: request.events.map(toRaw),
          arrival: {
            source: key.source,
            receivedAtMs,
            receivedAt: door.instantText(receivedAtMs),
            sentAt: request.sentAt === '' ? undefined : request.sentAt,
            type: undefined,
            context: undefined,
            clientIp: undefined,
          },
          maxEventBytes,
          totalBytes: Infinity,
          answer: resolve,
          failed: (cause) => {
            door.logFailed(cause);
            reject(
              new RapportError(
                'INGESTION_LOG_UNAVAILABLE',
                'unavailable',
                'the event log did not take the events; send them again later',
              ),
            );
          },
        });
      });
      return { results: verdicts.map(toProto) };
    } finally {
      stay.leave();
    }
  }
}

/** The key as configured; browser keys are for the HTTP doors, where what they send is counted by address. */
function keyOf(door: FrontDoor, writeKey: string): WriteKey {
  const key = door.keys.find(writeKey);
  if (key?.kind === 'browser') {
    throw new RapportError(
      'INGESTION_WRITE_KEY_BROWSER',
      'forbidden',
      'expected a server key; browser keys are for the HTTP doors, where what they send is counted by address',
    );
  }
  if (key !== undefined) return key;
  if (writeKey === '') throw keyMissing();
  throw new RapportError(
    'INGESTION_WRITE_KEY_UNKNOWN',
    'unauthenticated',
    'the write key is not one of RAPPORT_WRITE_KEYS',
  );
}

const keyMissing = (): RapportError =>
  new RapportError('INGESTION_WRITE_KEY_MISSING', 'unauthenticated', 'expected x-write-key in the metadata');

function overCapacity(retryAfterSeconds: number): RapportError {
  return new RapportError(
    'INGESTION_OVER_CAPACITY',
    'exhausted',
    `the platform takes no more at the moment; nothing of this request was accepted, send it again in ${retryAfterSeconds} s`,
    String(retryAfterSeconds),
  );
}

const tellRejected = ({ id, rejection }: ArchivedRejection): ingestionProto.RejectedRecord => ({
  id,
  stage: rejection.stage,
  code: rejection.code,
  detail: rejection.detail,
  source: rejection.source ?? '',
  rejectedAt: rejection.rejectedAt,
  original: rejection.original,
  messageId: rejection.messageId ?? '',
  place: placeOf(rejection) ?? '',
  key: rejection.key ?? '',
});

/** What somebody may see who may not see personal values: an original may hold any. */
const withoutOriginal = (record: ingestionProto.RejectedRecord): ingestionProto.RejectedRecord => ({
  ...record,
  detail: withoutPersonalText(record.detail),
  original: hiddenValue,
  key: record.key === '' ? '' : withoutPersonalIdentifier(record.key),
});

const textFields = [
  'type',
  'messageId',
  'userId',
  'anonymousId',
  'event',
  'name',
  'category',
  'groupId',
  'previousId',
  'timestamp',
] as const;
const objectFields = ['properties', 'traits', 'context'] as const;

/** The event as its JSON would be: what proto3 leaves empty is absent. */
function toRaw(event: ingestionProto.Event): Record<string, unknown> {
  const raw: Record<string, unknown> = {};
  for (const field of textFields) if (event[field] !== '') raw[field] = event[field];
  for (const field of objectFields) if (event[field] !== undefined) raw[field] = event[field];
  return raw;
}

function toProto(verdict: Verdict): ingestionProto.Verdict {
  return {
    messageId: verdict.messageId,
    accepted: verdict.accepted,
    code: verdict.code ?? '',
    detail: verdict.detail ?? '',
  };
}
