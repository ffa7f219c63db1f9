/**
 * What happens to the audit log when an action is asked for: `change` is written before it is done, and without that it
 * is not done; `read` is written soon after; `no` is not written call by call, because it has a ledger of its own or
 * says nothing about anybody.
 */
export type Audited = 'change' | 'read' | 'no';

interface ActionDescription {
  /** What it lets its holder do, for people. */
  readonly says: string;
  readonly audited: Audited;
}

/** Everything that a token can be allowed to do. Each route and each RPC asks for one of these, or says why it is open. */
export const actions = {
  'people.read': {
    says: 'look at people: profiles, timelines, members of segments, the identity graph; personal values are hidden',
    audited: 'read',
  },
  'people.read.personal': { says: 'see personal values in clear wherever people are shown', audited: 'no' },
  'reports.read': { says: 'counts of segments, lift of tactics', audited: 'no' },
  'identity.write': { says: 'link, unlink and split identifiers', audited: 'change' },
  'consent.write': { says: 'record a consent for a person', audited: 'change' },
  'privacy.export': { says: 'take out everything that is kept about a person, in clear', audited: 'change' },
  'privacy.erase': { says: 'forget or erase a person', audited: 'change' },
  'events.export': { says: "take out everybody's events, in clear", audited: 'change' },
  'events.import': { says: 'bring in events from files under any source name', audited: 'no' },
  'events.rejected.read': {
    says: 'see what was rejected and why; the originals only with people.read.personal',
    audited: 'read',
  },
  'events.rejected.replay': { says: 'send rejected events in again', audited: 'change' },
  decide: { says: 'ask what to do for a person, and tell how it ended', audited: 'no' },
  'decisions.read': {
    says: 'read entries of the decision ledger; personal values are hidden',
    audited: 'read',
  },
  'journeys.read': { says: 'look at journeys in flight', audited: 'read' },
  'journeys.write': { says: 'stop journeys in flight', audited: 'change' },
  'messages.read': {
    says: 'list messages, on their way and how they ended; without addresses',
    audited: 'read',
  },
  'messages.replay': { says: 'send anew what failed or was cancelled', audited: 'change' },
  'mail.read': { says: 'read what the local mail sink received, addresses and all', audited: 'read' },
  'models.read': { says: 'list models, their state and their inputs', audited: 'no' },
  'models.infer': { says: 'ask models for inferences, scores and recommendations', audited: 'no' },
  'models.manage': { says: 'load and unload models, share traffic among versions', audited: 'change' },
  'clock.move': { says: 'move virtual time', audited: 'change' },
  operate: { says: 'see how the platform stands: status, digest, this table', audited: 'no' },
  'tokens.read': { says: 'list tokens, without their secrets', audited: 'read' },
  'tokens.manage': { says: 'make and revoke tokens', audited: 'change' },
  'audit.read': { says: 'read the audit log', audited: 'read' },
} as const satisfies Readonly<Record<string, ActionDescription>>;

export type Action = keyof typeof actions;

export const allActions = Object.keys(actions) as readonly Action[];

/** Named sets of actions; a token has one or more. */
export const roles = {
  read: ['people.read', 'reports.read', 'journeys.read', 'messages.read', 'models.read'],
  decide: ['decide', 'decisions.read', 'models.read', 'models.infer'],
  import: ['events.import'],
  operate: [
    'operate',
    'reports.read',
    'events.rejected.read',
    'events.rejected.replay',
    'journeys.read',
    'journeys.write',
    'messages.read',
    'messages.replay',
    'models.read',
    'models.manage',
    'clock.move',
  ],
  admin: allActions,
} as const satisfies Readonly<Record<string, readonly Action[]>>;

export type Role = keyof typeof roles;

export const allRoles = Object.keys(roles) as readonly Role[];

export const isAction = (text: string): text is Action => Object.hasOwn(actions, text);
export const isRole = (text: string): text is Role => Object.hasOwn(roles, text);

/** What a token was given: roles, and single actions beside them. */
export interface Grants {
  readonly roles: readonly Role[];
  readonly actions: readonly Action[];
}

/** Whether these grants hold an action. What nobody granted is denied. */
export const can = (grants: Grants, action: Action): boolean =>
  grants.actions.includes(action) ||
  grants.roles.some((role) => (roles[role] as readonly Action[]).includes(action));

/** What a route or an RPC asks of its caller: an action, or nothing, with the reason why that is right. */
export type Access = Action | { readonly open: string };

/** Why an access cannot be judged; undefined when it can. */
export function accessProblem(access: unknown): string | undefined {
  if (typeof access === 'string')
    return isAction(access) ? undefined : `${JSON.stringify(access)} is no action`;
  const open: unknown = (access as { open?: unknown } | null | undefined)?.open;
  return typeof open === 'string' && open !== '' ? undefined : 'it declares no action';
}
