import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { AcceptedEvent } from '@rapport/contracts';
import { partsOf, RapportError } from '@rapport/kernel';
import { askedBy, type Action } from '@rapport/service-host';
import type { SegmentDefinition } from '@rapport/playbook';
import { profilesErrors } from '../profiles.errors.js';
import type { ExportLine, ReadProfiles, ShownProfile } from '../read-profiles.pipeline.js';
import { shownEvent, shownProfile } from './hide-personal.js';
import { instantOf, limitIn } from './request-fields.js';

export interface ProfilesRoutes {
  readonly read: () => ReadProfiles;
  readonly segments: readonly SegmentDefinition[];
  readonly now: () => number;
}

type Query = Readonly<Record<string, string | undefined>>;
interface PersonRoute {
  readonly Params: { readonly person: string };
  readonly Querystring: Query;
}

const describe = (action: Action, summary: string) => ({
  config: { action },
  schema: { tags: ['profiles'], summary },
});

/** What data teams, support and the console read over HTTP. */
export function mountProfiles(http: FastifyInstance, { read, segments, now }: ProfilesRoutes): void {
  http.get<PersonRoute>(
    '/v1/people/:person',
    describe('people.read', 'One person: type:value or profile id'),
    async (request) =>
      profileAnswer(shownProfile(await read().profile(request.params.person), askedBy(request))),
  );

  http.get<PersonRoute>(
    '/v1/people/:person/timeline',
    describe('people.read', "A person's events, newest first"),
    async (request) => {
      const { type, event, from, to, cursor, limit } = request.query;
      const page = await read().timeline(request.params.person, {
        limit: limitIn(limit, 50, 500),
        ...(type ? { type } : {}),
        ...(event ? { event } : {}),
        ...(from ? { fromMs: instantOf('from', from) } : {}),
        ...(to ? { toMs: instantOf('to', to) } : {}),
        ...(cursor ? { cursor } : {}),
      });
      return {
        events: page.events.map((entry) => eventAnswer(shownEvent(entry.event, askedBy(request)))),
        nextCursor: page.nextCursor ?? null,
      };
    },
  );

  const members = describe('people.read', 'The people in a segment');
  http.get<{ Querystring: Query }>('/v1/people', members, async (request) => {
    const { segment, cursor, limit } = request.query;
    if (segment === undefined || segment === '') {
      throw new RapportError(
        profilesErrors.requestInvalid,
        'invalid',
        "segment: expected a segment's name, as in ?segment=cart_left",
      );
    }
    const page = await read().members(
      segment,
      cursor === '' ? undefined : cursor,
      limitIn(limit, 100, 1_000),
    );
    return { people: page.members.map((profileId) => ({ profileId })), nextCursor: page.nextCursor ?? null };
  });

  http.get('/v1/segments', describe('reports.read', 'Every segment with how many are in it'), async () => {
    const counts = await read().memberCounts();
    return { segments: segments.map(({ name, title }) => ({ name, title, members: counts.get(name) ?? 0 })) };
  });

  http.get<{ Querystring: Query }>(
    '/v1/digest',
    describe('operate', 'One number for everybody at an instant'),
    async (request) => {
      const atMs = request.query['at'] ? instantOf('at', request.query['at']) : now();
      return { at: new Date(atMs).toISOString(), ...(await read().digest(atMs)) };
    },
  );

  http.get<{ Querystring: Query }>(
    '/v1/export/events',
    describe('events.export', "Everybody's events in the order of time, as NDJSON"),
    (request, reply) => {
      const { from, to } = request.query;
      const lines = read().export({
        ...(from ? { fromMs: instantOf('from', from) } : {}),
        ...(to ? { toMs: instantOf('to', to) } : {}),
      });
      return reply.type('application/x-ndjson').send(Readable.from(exportText(lines)));
    },
  );
}

const profileAnswer = ({ view, version, settling }: ShownProfile) => ({
  ...view,
  identifiers: view.identifiers.map((identifier) => partsOf(identifier)),
  version,
  settling,
});

/** An event as clients sent it, completed by what the front door found out; nothing of the transport. */
function eventAnswer(event: AcceptedEvent): Omit<AcceptedEvent, 'identifiers'> {
  const {
    messageId,
    type,
    event: name,
    name: page,
    category,
    groupId,
    timestamp,
    receivedAt,
    source,
    origin,
  } = event;
  const { properties, traits, context } = event;
  return {
    messageId,
    type,
    ...(name === undefined ? {} : { event: name }),
    ...(page === undefined ? {} : { name: page }),
    ...(category === undefined ? {} : { category }),
    ...(groupId === undefined ? {} : { groupId }),
    timestamp,
    receivedAt,
    source,
    origin,
    ...(properties === undefined ? {} : { properties }),
    ...(traits === undefined ? {} : { traits }),
    ...(context === undefined ? {} : { context }),
  };
}

const linesPerChunk = 200;

async function* exportText(lines: AsyncIterable<ExportLine>): AsyncGenerator<string> {
  let chunk: string[] = [];
  for await (const line of lines) {
    chunk.push(JSON.stringify(exportLine(line)));
    if (chunk.length < linesPerChunk) continue;
    yield `${chunk.join('\n')}\n`;
    chunk = [];
  }
  if (chunk.length > 0) yield `${chunk.join('\n')}\n`;
}

const exportLine = (line: ExportLine): object =>
  line.kind === 'person'
    ? { kind: 'person', profileId: line.person.profileId, identifiers: line.person.identifiers }
    : { kind: 'event', profileId: line.person.profileId, ...eventAnswer(line.event) };
