import { describe, expect, it } from '@jest/globals';
import { allActions } from './actions.js';
import { Gate, seesPersonal, serviceToken, type GateParts } from './gate.js';
import type { ApiToken } from './token-file.js';

const token: ApiToken = {
  id: 't_1',
  name: 'reader',
  roles: ['read'],
  actions: [],
  sha256: '',
  createdAt: '',
  createdBy: '',
};
const approach = (authorization: string | undefined, address = '10.0.0.1') => ({
  authorization,
  address,
  door: 'GET /somewhere',
});
const gateWith = (more: Partial<GateParts> = {}): Gate =>
  new Gate({ credentials: { apiToken: 'right' }, ...more });

describe('a gate', () => {
  it('takes a token as a bearer token and in no other form', () => {
    const gate = gateWith();
    for (const header of ['Bearer right', 'bearer right', 'Bearer  right'])
      expect(gate.recognise(approach(header)).name).toBe('RAPPORT_API_TOKEN');
    const refused = [
      undefined,
      '',
      'right',
      'Bearer',
      'Bearer ',
      'Bearer wrong',
      'Bearer righ',
      'Basic right',
      'Bearer right x',
    ];
    for (const header of refused)
      expect(() => gate.recognise(approach(header))).toThrow(/expected the header/);
  });

  it('has nobody come in by an empty token where none is configured', () => {
    const gate = new Gate({ credentials: { apiToken: '' } });
    for (const header of ['Bearer ', 'Bearer x', `Bearer ${serviceToken('')}`])
      expect(() => gate.recognise(approach(header))).toThrow();
  });

  it('tells the services among themselves from who has the API token', () => {
    const gate = gateWith();
    expect(gate.recognise(approach('Bearer right')).internal).toBe(false);
    const service = gate.recognise(approach(`Bearer ${serviceToken('right')}`));
    expect(service.internal).toBe(true);
    expect(allActions.every((action) => service.can(action))).toBe(true);
  });

  it('says of a known token why it does not open, and tells every refusal without a token', () => {
    const told: unknown[] = [];
    for (const [state, code] of [
      ['expired', 'AUTH_TOKEN_EXPIRED'],
      ['revoked', 'AUTH_TOKEN_REVOKED'],
    ] as const) {
      const gate = gateWith({
        tokens: { find: () => ({ token, state }) },
        onRefused: (refusal) => told.push(refusal),
      });
      expect(() => gate.recognise(approach('Bearer secret-of-reader'))).toThrow(
        expect.objectContaining({ code, status: 'unauthenticated' }),
      );
    }
    const gate = gateWith({
      tokens: { find: () => ({ token, state: 'valid' }) },
      onRefused: (refusal) => told.push(refusal),
    });
    const reader = gate.recognise(approach('Bearer secret-of-reader'));
    gate.judge(reader, 'people.read', approach(undefined));
    expect(() => gate.judge(reader, 'privacy.erase', approach(undefined))).toThrow(
      expect.objectContaining({ code: 'AUTH_FORBIDDEN', status: 'forbidden' }),
    );
    expect(told).toMatchObject([{ reason: 'expired' }, { reason: 'revoked' }, { reason: 'forbidden' }]);
    expect(JSON.stringify(told)).not.toContain('secret-of-reader');
  });

  it('slows wrong tokens down, and never a good one of the same address', () => {
    const gate = gateWith();
    const codes = Array.from({ length: 2000 }, () => {
      try {
        gate.recognise(approach('Bearer wrong'));
        return 'let in';
      } catch (thrown) {
        return (thrown as { code: string }).code;
      }
    });
    expect(codes.filter((code) => code === 'AUTH_TOKEN_UNKNOWN')).toHaveLength(10);
    expect(new Set(codes.slice(10))).toEqual(new Set(['AUTH_SLOWED_DOWN']));
    expect(gate.recognise(approach('Bearer right')).name).toBe('RAPPORT_API_TOKEN');
    expect(() => gate.recognise(approach('Bearer wrong', '10.0.0.2'))).toThrow(
      expect.objectContaining({ code: 'AUTH_TOKEN_UNKNOWN' }),
    );
  });
});

describe('personal values', () => {
  it('are seen within the process and by who may, by nobody else', () => {
    const caller = (may: boolean) => ({ name: 'x', internal: false, can: () => may });
    expect(seesPersonal(undefined)).toBe(true);
    expect(seesPersonal({})).toBe(false);
    expect(seesPersonal({ caller: caller(false) })).toBe(false);
    expect(seesPersonal({ caller: caller(true) })).toBe(true);
  });
});
