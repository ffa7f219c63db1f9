import type { identityProto } from '@rapport/contracts';
import {
  parseIdentifier,
  profileIdOf,
  withoutPersonalIdentifier,
  withoutPersonalText,
} from '@rapport/kernel';
import { seesPersonal, type Asked } from '@rapport/service-host';
import type { ChangePeople } from '../change-people.pipeline.js';
import type { Edge } from '../domain/evidence.js';
import type { HistoryEntry } from '../domain/identifier-document.js';
import { maxReasonLength, reasonInvalid } from '../identity.errors.js';
import type { ReadPeople } from '../read-people.pipeline.js';

const defaultRefusals = 100;
const maxRefusals = 1_000;
const isoOf = (instantMs: number): string => new Date(instantMs).toISOString();

function readReason(reason: string): string {
  if (reason.length > maxReasonLength) throw reasonInvalid(reason.length);
  return reason === '' ? 'api' : reason;
}

/** `rapport.identity.v1.IdentityService`. */
export class IdentityGrpc implements identityProto.IdentityService {
  /** Asked at each call: the room opens its collections when it starts. */
  constructor(readonly people: () => { readonly read: ReadPeople; readonly change: ChangePeople }) {}

  async resolve(
    { person }: identityProto.ResolveRequest,
    asked?: Asked,
  ): Promise<identityProto.ResolveResponse> {
    const { profileId, identifiers } = await this.people().read.resolve(parseIdentifier(person));
    return { profileId, identifiers: identifiers.map(shownTo(asked)) };
  }

  async getPerson(
    { person }: identityProto.GetPersonRequest,
    asked?: Asked,
  ): Promise<identityProto.GetPersonResponse> {
    const graph = await this.people().read.graphOf(parseIdentifier(person));
    const shown = shownTo(asked);
    return {
      profileId: graph.profileId,
      identifiers: graph.identifiers.map(shown),
      edges: graph.edges.map((edge) => tellEdge(edge, shown)),
      history: graph.history.map((entry) => tellEntry(entry, entry.profileId, asked)),
    };
  }

  async link({ from, to, reason }: identityProto.LinkRequest): Promise<identityProto.LinkResponse> {
    const { root } = await this.people().change.link(
      parseIdentifier(from),
      parseIdentifier(to),
      readReason(reason),
    );
    return { profileId: profileIdOf(root) };
  }

  async unlink({ from, to, reason }: identityProto.UnlinkRequest): Promise<identityProto.UnlinkResponse> {
    const roots = await this.people().change.unlink(
      parseIdentifier(from),
      parseIdentifier(to),
      readReason(reason),
    );
    return { fromProfileId: profileIdOf(roots.from), toProfileId: profileIdOf(roots.to) };
  }

  async split({ person, reason }: identityProto.SplitRequest): Promise<identityProto.SplitResponse> {
    const { root } = await this.people().change.split(parseIdentifier(person), readReason(reason));
    return { profileId: profileIdOf(root) };
  }

  async forget(
    { person }: identityProto.ForgetRequest,
    asked?: Asked,
  ): Promise<identityProto.ForgetResponse> {
    const forgotten = await this.people().change.forget(parseIdentifier(person));
    return { identifiers: forgotten.map(shownTo(asked)) };
  }

  async listRefusals(
    { limit }: identityProto.ListRefusalsRequest,
    asked?: Asked,
  ): Promise<identityProto.ListRefusalsResponse> {
    const shown = shownTo(asked);
    const refusals = await this.people().read.refusals(Math.min(limit || defaultRefusals, maxRefusals));
    return {
      refusals: refusals.map(({ at, from, to, reason, profileId }) => ({
        kind: 'refuse',
        at: isoOf(at),
        from: shown(from),
        to: shown(to),
        reason: reasonTo(asked, reason),
        profileId,
      })),
    };
  }
}

type Shown = (identifier: string) => string;

/** Identifiers as this caller may see them. */
const shownTo = (asked: Asked | undefined): Shown =>
  seesPersonal(asked) ? (identifier) => identifier : withoutPersonalIdentifier;

/** A reason as this caller may see it: operators write of whom it is. */
const reasonTo = (asked: Asked | undefined, reason: string): string =>
  seesPersonal(asked) ? reason : withoutPersonalText(reason);

const tellEdge = ({ a, b, kind, source, first, last, days }: Edge, shown: Shown): identityProto.Edge => ({
  from: shown(a),
  to: shown(b),
  kind,
  source,
  firstSeen: isoOf(first),
  lastSeen: isoOf(last),
  count: BigInt(days),
});

const tellEntry = (
  { kind, at, from, to, reason }: HistoryEntry,
  profileId: string,
  asked: Asked | undefined,
): identityProto.HistoryEntry => ({
  kind,
  at: isoOf(at),
  from: shownTo(asked)(from),
  to: shownTo(asked)(to),
  reason: reasonTo(asked, reason),
  profileId,
});
