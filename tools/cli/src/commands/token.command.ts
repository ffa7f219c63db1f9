import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { accessProto } from '@rapport/contracts';
import { parseDuration } from '@rapport/kernel';
import type { Action, Role } from '@rapport/service-host';
import { answer, withPlatform, type CommandContext } from '../command-context.js';
import { tableOf } from '../table.js';

interface CreateOptions {
  readonly role: string[];
  readonly allow: string[];
  readonly expires?: string;
  readonly file?: string;
}

interface FileOption {
  readonly file?: string;
}

/** Somewhere tokens are kept: a platform that runs, or a file. */
interface TokenPlace {
  list(): Promise<readonly accessProto.TokenSummary[]>;
  create(request: accessProto.CreateTokenRequest): Promise<accessProto.CreateTokenResponse>;
  revoke(token: string): Promise<accessProto.TokenSummary>;
}

const fileHelp =
  'the file of tokens itself (RAPPORT_API_TOKENS_FILE), where no platform answers; without: the platform that runs';
const gather = (value: string, all: string[]): string[] => [...all, value];

export function addToken(program: Command, context: CommandContext): void {
  const token = program.command('token').description('who may do what: tokens with roles');
  token
    .command('create')
    .description('make a token; its secret is shown once and kept nowhere')
    .argument('<name>', 'letters, digits, dots, dashes, underscores')
    .option('--role <role>', 'read, decide, import, operate or admin; may be given several times', gather, [])
    .option(
      '--allow <action>',
      'a single action beside the roles, for example people.read.personal',
      gather,
      [],
    )
    .option('--expires <duration>', 'how long it is good, for example 90d; without: until it is revoked')
    .option('--file <path>', fileHelp)
    .action(async (name: string, { role, allow, expires = '', file }: CreateOptions) => {
      await withTokens(context, file, async (place) => {
        const made = await place.create({ name, roles: role, actions: allow, expiresIn: expires });
        answer(context, made, () => `${made.secret}\n${lineOf(made.token)}`);
      });
    });
  token
    .command('list')
    .description('every token, without its secret')
    .option('--file <path>', fileHelp)
    .action(async ({ file }: FileOption) => {
      await withTokens(context, file, async (place) => {
        const tokens = await place.list();
        answer(context, tokens, () => listing(tokens));
      });
    });
  token
    .command('revoke')
    .description('end a token: at once here, within a second in other processes')
    .argument('<token>', 'its name or its id')
    .option('--file <path>', fileHelp)
    .action(async (name: string, { file }: FileOption) => {
      await withTokens(context, file, async (place) => {
        const revoked = await place.revoke(name);
        answer(context, revoked, () => lineOf(revoked));
      });
    });
  token
    .command('actions')
    .description('what each action lets its holder do, and which roles hold it')
    .action(async () => {
      const { actions, allActions, allRoles, can } = await import('@rapport/service-host');
      const table = allActions.map((action) => ({
        action,
        roles: allRoles.filter((role) => can({ roles: [role], actions: [] }, action)),
        ...actions[action],
      }));
      answer(context, table, () =>
        tableOf(
          ['action', 'roles', 'lets its holder'],
          table.map(({ action, roles, says }) => [action, roles.join(', '), says]),
          [{}, {}, { width: 70 }],
        ),
      );
    });
}

async function withTokens(
  context: CommandContext,
  file: string | undefined,
  use: (place: TokenPlace) => Promise<void>,
): Promise<void> {
  if (file !== undefined) return await use(await tokensInFile(resolve(file)));
  await withPlatform(context, async ({ http }) => {
    await use({
      list: async () => (await http.get<accessProto.ListTokensResponse>('/v1/tokens')).tokens,
      create: async ({ name, roles, actions, expiresIn }) =>
        await http.post('/v1/tokens', {
          name,
          roles,
          actions,
          ...(expiresIn === '' ? {} : { expiresIn }),
        }),
      revoke: async (token) => {
        const path = `/v1/tokens/${encodeURIComponent(token)}`;
        return (await http.delete<{ token: accessProto.TokenSummary }>(path)).token;
      },
    });
  });
}

async function tokensInFile(path: string): Promise<TokenPlace> {
  const { TokenFile, tokenSummary } = await import('@rapport/service-host');
  const tokens = new TokenFile({ path });
  return {
    list: () => Promise.resolve(tokens.list().map((token) => tokenSummary(token, token.state))),
    create: async ({ name, roles, actions, expiresIn }) => {
      const { token, secret } = await tokens.create({
        name,
        roles: roles as Role[],
        actions: actions as Action[],
        by: '',
        ...(expiresIn === '' ? {} : { expiresInMs: parseDuration(expiresIn) }),
      });
      return { token: tokenSummary(token, 'valid'), secret };
    },
    revoke: async (token) => tokenSummary(await tokens.revoke(token), 'revoked'),
  };
}

const lineOf = (token: accessProto.TokenSummary | undefined): string =>
  token === undefined
    ? ''
    : `${token.name} (${token.id}): ${[...token.roles, ...token.actions].join(', ')}; ${token.state}${token.expiresAt === '' || token.state !== 'valid' ? '' : ` until ${token.expiresAt}`}`;

function listing(tokens: readonly accessProto.TokenSummary[]): string {
  if (tokens.length === 0) return 'No tokens but RAPPORT_API_TOKEN. Make one with: rapport token create';
  return tableOf(
    ['id', 'name', 'may', 'state', 'made', 'by', 'until'],
    tokens.map(({ id, name, roles, actions, state, createdAt, createdBy, expiresAt }) => [
      id,
      name,
      [...roles, ...actions].join(', '),
      state,
      createdAt,
      createdBy,
      expiresAt,
    ]),
    [{}, {}, { width: 40 }],
  );
}
