import { createHmac } from 'node:crypto';
import { RapportError } from '@rapport/kernel';
import type { Credentials } from '../credentials.js';
import { can, type Action, type Grants } from './actions.js';
import { sha256Of, type TokenFile } from './token-file.js';
import { WrongTokens } from './wrong-tokens.js';

/** Who asks, once that is known. */
export interface Caller {
  /** The name of the token: what the audit log calls them. */
  readonly name: string;
  /** True for the services of the deployment among themselves: their work is not somebody's deed. */
  readonly internal: boolean;
  can(action: Action): boolean;
}

/** Why somebody was not let in; the label `reason` of `rapport_access_refused_total`. */
export type RefusalReason = 'missing' | 'wrong' | 'expired' | 'revoked' | 'forbidden' | 'slowed';

export interface GateParts {
  readonly credentials: Pick<Credentials, 'apiToken'>;
  /** Absent: RAPPORT_API_TOKEN is the only token. */
  readonly tokens?: Pick<TokenFile, 'find'>;
  readonly wrongTokens?: WrongTokens;
  /** Told of every refusal; `quiet` ones are only to be counted. Never told a token. */
  readonly onRefused?: (refusal: {
    readonly reason: RefusalReason;
    readonly address: string;
    readonly door: string;
    readonly quiet: boolean;
  }) => void;
}

/** What a caller sends, and where. */
export interface Approach {
  /** The `Authorization` header or metadata. */
  readonly authorization: string | undefined;
  readonly address: string;
  /** The route's pattern or the RPC. */
  readonly door: string;
}

/** The name of the one token that the configuration gives, in the audit log. */
export const configuredTokenName = 'RAPPORT_API_TOKEN';

const everything: Grants = { roles: ['admin'], actions: [] };

/**
 * The token with which the services of a deployment speak to each other. It follows from the API token, so every process
 * knows it, and it is told from that one, because what services do all day is nobody's deed.
 */
export const serviceToken = (apiToken: string): string =>
  createHmac('sha256', apiToken).update('token of the services among themselves').digest('base64url');

/**
 * Judges who may come in, for HTTP and gRPC alike. A token is looked for by its hash: how long that takes depends on
 * hashes, which nobody can choose, and so tells nothing about secrets.
 */
export class Gate {
  readonly #own: ReadonlyMap<string, Caller>;
  readonly #wrongTokens: WrongTokens;

  constructor(readonly parts: GateParts) {
    const { apiToken } = parts.credentials;
    this.#wrongTokens = parts.wrongTokens ?? new WrongTokens();
    this.#own =
      apiToken === ''
        ? new Map()
        : new Map([
            [sha256Of(apiToken), callerOf(configuredTokenName, everything, false)],
            [sha256Of(serviceToken(apiToken)), callerOf('services', everything, true)],
          ]);
  }

  /**
   * Who it is, whatever they may do. Throws AUTH_TOKEN_MISSING, AUTH_TOKEN_UNKNOWN, AUTH_TOKEN_EXPIRED,
   * AUTH_TOKEN_REVOKED, and AUTH_SLOWED_DOWN where an address sent too many wrong ones.
   */
  recognise(approach: Approach): Caller {
    // RFC 6750: the scheme in any case, then the token.
    const secret = /^Bearer +(\S+)$/i.exec(approach.authorization ?? '')?.[1];
    if (secret === undefined) {
      this.#refused('missing', approach);
      throw new RapportError('AUTH_TOKEN_MISSING', 'unauthenticated', expected);
    }
    const sha256 = sha256Of(secret);
    const own = this.#own.get(sha256);
    if (own !== undefined) return own;
    const found = this.parts.tokens?.find(sha256);
    if (found === undefined) return this.#wrong(approach);
    const { token, state } = found;
    if (state === 'valid') return callerOf(token.name, token, false);
    this.#refused(state, approach);
    throw new RapportError(
      state === 'expired' ? 'AUTH_TOKEN_EXPIRED' : 'AUTH_TOKEN_REVOKED',
      'unauthenticated',
      `the token ${token.name} is ${state}; ${expected}. Make another with: rapport token create`,
    );
  }

  /** Throws AUTH_FORBIDDEN where the caller's token does not hold the action. */
  judge(caller: Caller, action: Action, approach: Approach): void {
    if (caller.can(action)) return;
    this.#refused('forbidden', approach);
    throw new RapportError(
      'AUTH_FORBIDDEN',
      'forbidden',
      `expected a token that may ${action}; the token ${caller.name} may not. Which role holds it is told by: rapport token actions`,
    );
  }

  #wrong(approach: Approach): never {
    const { waitS, quiet } = this.#wrongTokens.note(approach.address);
    if (waitS === 0) {
      this.#refused('wrong', approach);
      throw new RapportError('AUTH_TOKEN_UNKNOWN', 'unauthenticated', `the token is not known; ${expected}`);
    }
    this.#refused('slowed', approach, quiet);
    throw new RapportError(
      'AUTH_SLOWED_DOWN',
      'exhausted',
      `too many wrong tokens came from ${approach.address}; ${expected}, or try again in ${waitS} s`,
      String(waitS),
    );
  }

  #refused(reason: RefusalReason, { address, door }: Approach, quiet = reason === 'missing'): void {
    this.parts.onRefused?.({ reason, address, door, quiet });
  }
}

const expected =
  'expected the header Authorization: Bearer <RAPPORT_API_TOKEN or a token of rapport token create>';

function callerOf(name: string, grants: Grants, internal: boolean): Caller {
  return { name, internal, can: (action) => can(grants, action) };
}

/** What a method knows of who asks: calls within the process have no context at all, open ones no caller in it. */
export interface Asked {
  readonly caller?: Caller;
}

/** Whether personal values are shown: to whom the token allows it, and to calls within the process. */
export const seesPersonal = (asked: Asked | undefined): boolean =>
  asked === undefined || asked.caller?.can('people.read.personal') === true;
