import type { RequestedMessage } from '@rapport/contracts';
import { isProfileId, parseIdentifier, profileIdOf, type Identifier } from '@rapport/kernel';
import { requestInvalid } from '../orchestrator.errors.js';
import type { DeliveryState, DeliveryStore, MessageFilter, MessageState } from '../ports/delivery-store.js';
import type { PersonReader } from '../ports/person-reader.js';

/** Which messages, as asked; what is empty or absent does not matter. */
export interface MessageQuery {
  /** `type:value` or a profile id. */
  readonly person?: string;
  readonly state?: string;
  readonly tactic?: string;
  readonly channel?: string;
  /** ISO 8601: reached that state at or after, and before. */
  readonly from?: string;
  readonly to?: string;
  readonly cursor?: string;
  /** 0 or absent: as many as are given by default. */
  readonly limit?: number;
}

export interface LookUpMessagesPorts {
  readonly store: DeliveryStore;
  readonly people: PersonReader;
  /** Resolves when the requests are durable. */
  readonly request: (messages: readonly RequestedMessage[]) => Promise<void>;
}

/** How messages stand, and having them sent anew. */
export interface LookUpMessages {
  list(query: MessageQuery): Promise<{
    readonly found: readonly DeliveryState[];
    readonly nextCursor: string | undefined;
  }>;
  /** Requests again what failed or was cancelled: the room that has the partition makes it wait again, once. */
  replay(query: MessageQuery): Promise<{
    readonly messageIds: readonly string[];
    readonly nextCursor: string | undefined;
  }>;
}

const states: readonly MessageState[] = ['waiting', 'sent', 'failed', 'cancelled'];
const replayable: readonly MessageState[] = ['failed', 'cancelled'];
const defaultLimit = 100;
const maxLimit = 1000;

export function createLookUpMessages({ store, people, request }: LookUpMessagesPorts): LookUpMessages {
  /** Messages stay under the profile that they were decided for: each identifier may have been one. */
  const profileIdsOf = async (person: string): Promise<readonly string[]> => {
    const known = await people.read(person);
    if (known === undefined) return [isProfileId(person) ? person : profileIdOf(parseIdentifier(person))];
    const former = known.identifiers.map((identifier) => profileIdOf(identifier as Identifier));
    return [...new Set([known.profileId, ...former])];
  };

  const filterOf = async (query: MessageQuery, allowed: readonly MessageState[]): Promise<MessageFilter> => {
    const { person = '', state = '', tactic = '', channel = '', from = '', to = '' } = query;
    const wanted = allowed.find((one) => one === state);
    if (state !== '' && wanted === undefined)
      throw requestInvalid(`state: expected one of ${allowed.join(', ')}; got ${state.slice(0, 40)}`);
    return {
      ...(person === '' ? {} : { profileIds: await profileIdsOf(person) }),
      ...(wanted === undefined ? {} : { state: wanted }),
      ...(tactic === '' ? {} : { tactic }),
      ...(channel === '' ? {} : { channel }),
      ...(from === '' ? {} : { fromMs: instantOf('from', from) }),
      ...(to === '' ? {} : { toMs: instantOf('to', to) }),
    };
  };

  return {
    list: async (query) => {
      const filter = await filterOf(query, states);
      const page = await store.list(filter, cursorOf(query), limitOf(query, defaultLimit));
      return { found: page.found.map(({ state }) => state), nextCursor: page.nextCursor };
    },
    replay: async (query) => {
      const state = query.state === undefined || query.state === '' ? 'failed' : query.state;
      const filter = await filterOf({ ...query, state }, replayable);
      const { found, nextCursor } = await store.list(filter, cursorOf(query), limitOf(query, maxLimit));
      const again = found.flatMap(({ state: { message, replays } }) =>
        message === undefined ? [] : [{ ...message, replay: replays + 1 }],
      );
      await request(again);
      return { messageIds: again.map(({ messageId }) => messageId), nextCursor };
    },
  };
}

const cursorOf = ({ cursor }: MessageQuery): string | undefined => (cursor === '' ? undefined : cursor);

function limitOf({ limit = 0 }: MessageQuery, byDefault: number): number {
  if (limit === 0) return byDefault;
  if (Number.isInteger(limit) && limit >= 1 && limit <= maxLimit) return limit;
  throw requestInvalid(`limit: expected a whole number from 1 to ${maxLimit}; got ${limit}`);
}

function instantOf(name: string, text: string): number {
  const atMs = Date.parse(text);
  if (Number.isFinite(atMs)) return atMs;
  throw requestInvalid(
    `${name}: expected an instant as ISO 8601, for example 2026-11-01T08:00:00Z; got ${text.slice(0, 40)}`,
  );
}
