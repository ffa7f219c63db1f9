import { hash, randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from '@rapport/config';
import { lockFolder, type FolderLock } from '@rapport/folder-lock';
import { messageOf, RapportError } from '@rapport/kernel';
import { allActions, allRoles, isAction, isRole, type Action, type Grants, type Role } from './actions.js';

/** A token as it is kept: everything but its secret. */
export interface ApiToken extends Grants {
  readonly id: string;
  readonly name: string;
  /**
   * SHA-256 of the secret, hex. A slow, salted hash protects what people make up; a secret of 256 random bits cannot be
   * guessed from its hash however quick that is, and it is computed for every request.
   */
  readonly sha256: string;
  readonly createdAt: string;
  /** Name of the token that made it; empty: made in the file. */
  readonly createdBy: string;
  /** Absent: good until it is revoked. */
  readonly expiresAt?: string | undefined;
  readonly revokedAt?: string | undefined;
}

export type TokenState = 'valid' | 'expired' | 'revoked';

/** How a token stands at an instant. */
export function stateOf(token: ApiToken, nowMs: number): TokenState {
  if (token.revokedAt !== undefined) return 'revoked';
  return token.expiresAt !== undefined && Date.parse(token.expiresAt) <= nowMs ? 'expired' : 'valid';
}

export const sha256Of = (secret: string): string => hash('sha256', secret, 'hex');

const tokenName = /^[\w.-]{1,64}$/;
const instant = z.iso.datetime();
const schema = z.object({
  tokens: z
    .array(
      z.object({
        id: z.string().min(1).max(64),
        name: z.string().regex(tokenName),
        roles: z.array(z.enum(allRoles as [Role, ...Role[]])),
        actions: z.array(z.enum(allActions as [Action, ...Action[]])),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
        createdAt: instant,
        createdBy: z.string(),
        expiresAt: instant.optional(),
        revokedAt: instant.optional(),
      }),
    )
    .max(1_000),
});

/** Most tokens of a deployment, ended ones included. */
export const maxTokens = 1_000;
/** So long after its end a token is still listed. */
const keepEndedMs = 90 * 86_400_000;
/** How often it is looked whether the file changed: within this time a token that was revoked elsewhere ends here. */
const lookEveryMs = 500;
const lockWaitMs = 2_000;

export interface NewToken extends Grants {
  readonly name: string;
  /** Milliseconds from now; absent: until it is revoked. */
  readonly expiresInMs?: number | undefined;
  /** Who makes it. */
  readonly by: string;
}

export interface TokenFileOptions {
  readonly path: string;
  /** The clock of expiry: real time, also where the platform's time is virtual. */
  readonly now?: () => number;
  /** Told when the file changed into something that cannot be read; until it can be, it opens nothing. */
  readonly onUnreadable?: (problem: string) => void;
}

/**
 * The tokens of a deployment: a JSON file that every process mounts. Read at the start and when it changes, so that
 * making and revoking need no restart. What cannot be read opens nothing.
 */
export class TokenFile {
  readonly #now: () => number;
  #tokens: readonly ApiToken[] = [];
  #byHash: ReadonlyMap<string, ApiToken> = new Map();
  #seen = '';
  #lookedAtMs = -Infinity;

  /** Throws TOKENS_FILE_INVALID where there is a file that is not one of tokens. */
  constructor(readonly options: TokenFileOptions) {
    this.#now = options.now ?? Date.now;
    this.#take(this.#read());
    this.#seen = this.#stamp();
  }

  /** The token whose secret has this hash, in whatever state. */
  find(sha256: string): { readonly token: ApiToken; readonly state: TokenState } | undefined {
    this.#refresh();
    const token = this.#byHash.get(sha256);
    return token === undefined ? undefined : { token, state: stateOf(token, this.#now()) };
  }

  list(): readonly (ApiToken & { readonly state: TokenState })[] {
    this.#refresh();
    const nowMs = this.#now();
    return this.#tokens.map((token) => ({ ...token, state: stateOf(token, nowMs) }));
  }

  /** Makes a token and answers its secret, which is kept nowhere. Throws TOKEN_INVALID, TOKEN_NAME_TAKEN, TOKENS_TOO_MANY. */
  async create(wanted: NewToken): Promise<{ readonly token: ApiToken; readonly secret: string }> {
    const problem = problemOf(wanted);
    if (problem !== undefined) throw new RapportError('TOKEN_INVALID', 'invalid', problem);
    const nowMs = this.#now();
    const secret = `rap_${randomBytes(32).toString('base64url')}`;
    const token: ApiToken = {
      id: `t_${randomBytes(9).toString('base64url')}`,
      name: wanted.name,
      roles: [...new Set(wanted.roles)],
      actions: [...new Set(wanted.actions)],
      sha256: sha256Of(secret),
      createdAt: new Date(nowMs).toISOString(),
      createdBy: wanted.by,
      ...(wanted.expiresInMs === undefined
        ? {}
        : { expiresAt: new Date(nowMs + wanted.expiresInMs).toISOString() }),
    };
    await this.#change((tokens) => {
      if (tokens.some((other) => other.name === token.name && stateOf(other, nowMs) === 'valid')) {
        throw new RapportError(
          'TOKEN_NAME_TAKEN',
          'conflict',
          `expected a name that no valid token has; ${token.name} is taken. Revoke that one first, or choose another name.`,
        );
      }
      if (tokens.length >= maxTokens) {
        throw new RapportError(
          'TOKENS_TOO_MANY',
          'conflict',
          `there are ${maxTokens} tokens, which is the most`,
        );
      }
      return [...tokens, token];
    });
    return { token, secret };
  }

  /** Ends a token, by its id or by the name of a valid one. Throws TOKEN_UNKNOWN. */
  async revoke(idOrName: string): Promise<ApiToken> {
    const nowMs = this.#now();
    let revoked: ApiToken | undefined;
    await this.#change((tokens) =>
      tokens.map((token) => {
        const meant =
          token.revokedAt === undefined &&
          (token.id === idOrName || (token.name === idOrName && stateOf(token, nowMs) === 'valid'));
        if (!meant) return token;
        return (revoked = { ...token, revokedAt: new Date(nowMs).toISOString() });
      }),
    );
    if (revoked !== undefined) return revoked;
    throw new RapportError(
      'TOKEN_UNKNOWN',
      'not_found',
      `expected the id or the name of a token that is not revoked; got ${JSON.stringify(idOrName.slice(0, 64))}`,
    );
  }

  #refresh(): void {
    const nowMs = performance.now();
    if (nowMs - this.#lookedAtMs < lookEveryMs) return;
    this.#lookedAtMs = nowMs;
    const stamp = this.#stamp();
    if (stamp === this.#seen) return;
    this.#seen = stamp;
    try {
      this.#take(this.#read());
    } catch (thrown) {
      this.#take([]);
      this.options.onUnreadable?.(messageOf(thrown));
    }
  }

  #take(tokens: readonly ApiToken[]): void {
    this.#tokens = tokens;
    this.#byHash = new Map(tokens.map((token) => [token.sha256, token]));
  }

  /** Tells one content of the path from another; a mounted folder swaps files, so the inode counts too. */
  #stamp(): string {
    const found = statSync(this.options.path, { throwIfNoEntry: false });
    return found === undefined ? '' : `${found.ino} ${found.mtimeMs} ${found.size}`;
  }

  #read(): readonly ApiToken[] {
    const { path } = this.options;
    let problem: string;
    try {
      const parsed = schema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
      if (parsed.success) return parsed.data.tokens;
      problem = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
      problem = messageOf(thrown);
    }
    throw new RapportError(
      'TOKENS_FILE_INVALID',
      'invalid',
      `RAPPORT_API_TOKENS_FILE: expected a file of tokens at ${path}; ${problem}. Make tokens with: rapport token create`,
    );
  }

  /** Reads, changes and replaces the file with no other process in between. */
  async #change(change: (tokens: readonly ApiToken[]) => readonly ApiToken[]): Promise<void> {
    const { path } = this.options;
    const lock = await lockedFor(path);
    try {
      const oldestMs = this.#now() - keepEndedMs;
      const tokens = change(this.#read()).filter(
        ({ revokedAt, expiresAt }) => Date.parse(revokedAt ?? expiresAt ?? '9999-12-31T00:00:00Z') > oldestMs,
      );
      const aside = `${path}.new`;
      const file = openSync(aside, 'w', 0o600);
      try {
        writeSync(file, `${JSON.stringify({ tokens }, null, 2)}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(aside, path);
      this.#take(tokens);
      this.#seen = this.#stamp();
    } catch (thrown) {
      throw unwritable(path, thrown);
    } finally {
      lock.release();
    }
  }
}

async function lockedFor(path: string): Promise<FolderLock> {
  const folder = `${path}.lock`;
  for (const untilMs = performance.now() + lockWaitMs; ;) {
    try {
      mkdirSync(dirname(path), { recursive: true });
      return lockFolder(folder, 'TOKENS_FILE_BUSY');
    } catch (thrown) {
      if (!(thrown instanceof RapportError)) throw unwritable(path, thrown);
      if (performance.now() > untilMs) throw thrown;
    }
    await pause(20);
  }
}

function unwritable(path: string, thrown: unknown): unknown {
  if (thrown instanceof RapportError) return thrown;
  return new RapportError(
    'TOKENS_FILE_UNWRITABLE',
    'conflict',
    `expected a file that this process may write at ${path}; ${messageOf(thrown)}. Where it is mounted read-only, run rapport token --file where it is made.`,
  );
}

function problemOf({ name, roles, actions, expiresInMs }: NewToken): string | undefined {
  if (!tokenName.test(name)) return 'name: expected 1 to 64 letters, digits, dots, dashes and underscores';
  const role = (roles as readonly string[]).find((each) => !isRole(each));
  if (role !== undefined)
    return `roles: expected some of ${allRoles.join(', ')}; got ${JSON.stringify(role.slice(0, 64))}`;
  const action = (actions as readonly string[]).find((each) => !isAction(each));
  if (action !== undefined)
    return `actions: expected some of ${allActions.join(', ')}; got ${JSON.stringify(action.slice(0, 64))}`;
  if (roles.length + actions.length === 0) return 'roles: expected at least one role or action; got none';
  if (expiresInMs !== undefined && !(expiresInMs > 0 && expiresInMs <= 3_660 * 86_400_000))
    return 'expiresIn: expected a duration of more than 0 and at most 3660d';
  return undefined;
}
