import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { accessProblem, allActions, allRoles, can, roles, type Action } from './actions.js';

const anyAction = fc.constantFrom(...allActions);
const grants = fc.record({
  roles: fc.subarray([...allRoles]),
  actions: fc.subarray([...allActions]),
});

describe('can', () => {
  it('holds exactly what a role or the token itself names, and nothing for nobody', () => {
    fc.assert(
      fc.property(grants, anyAction, (held, action) => {
        const named = new Set<Action>([...held.actions, ...held.roles.flatMap((role) => [...roles[role]])]);
        expect(can(held, action)).toBe(named.has(action));
      }),
    );
    for (const action of allActions) expect(can({ roles: [], actions: [] }, action)).toBe(false);
  });

  it('lets admin do everything, and no other role what touches people or tokens for good', () => {
    for (const action of allActions) expect(can({ roles: ['admin'], actions: [] }, action)).toBe(true);
    const grave: Action[] = [
      ...(['people.read.personal', 'privacy.erase', 'privacy.export', 'events.export'] as const),
      ...(['tokens.read', 'tokens.manage', 'audit.read', 'identity.write', 'consent.write'] as const),
    ];
    for (const role of allRoles.filter((each) => each !== 'admin'))
      for (const action of grave)
        expect([role, action, can({ roles: [role], actions: [] }, action)]).toEqual([role, action, false]);
  });
});

describe('an access', () => {
  it('is an action that there is, or open with a reason', () => {
    for (const action of allActions) expect(accessProblem(action)).toBeUndefined();
    expect(accessProblem({ open: 'a reason' })).toBeUndefined();
    for (const wrong of [undefined, null, '', 'people', 'toString', {}, { open: '' }, { open: true }, []])
      expect(accessProblem(wrong)).toEqual(expect.any(String));
  });
});
