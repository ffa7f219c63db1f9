import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { addressGroup, clientAddress, proxyProblem } from './client-address.js';
import { readHostConfig } from './host.config.js';
import { createHttpServer } from './http-server.js';

let http: FastifyInstance;
afterEach(() => http.close());

/** The address that is seen of a request from 127.0.0.1 with these forwarded addresses. */
async function seen(trustedProxies: readonly string[], forwarded?: string): Promise<string> {
  http = createHttpServer(() => undefined, { trustedProxies });
  http.get('/', (request) => clientAddress(request));
  const url = await http.listen({ host: '127.0.0.1', port: 0 });
  const answer = await fetch(
    url,
    forwarded === undefined ? {} : { headers: { 'x-forwarded-for': forwarded } },
  );
  return await answer.text();
}

describe('the address of a client', () => {
  it.each<[string, readonly string[], string | undefined, string]>([
    ['its connection’s, whatever it says, where no proxy is trusted', [], '9.9.9.9', '127.0.0.1'],
    ['its connection’s, where another proxy is trusted', ['10.0.0.0/8'], '9.9.9.9', '127.0.0.1'],
    ['what a trusted proxy says', ['loopback'], '9.9.9.9', '9.9.9.9'],
    ['the trusted proxy’s own, where it says nothing', ['loopback'], undefined, '127.0.0.1'],
    [
      'the nearest that no trusted proxy has',
      ['loopback', '10.0.0.0/8'],
      '1.1.1.1, 9.9.9.9, 10.1.2.3',
      '9.9.9.9',
    ],
    ['without its port', ['loopback'], '9.9.9.9:4711', '9.9.9.9'],
    ['without its port and brackets', ['loopback'], '[2001:DB8::1]:4711', '2001:db8::1'],
    ['in the form of IPv4 where it was mapped', ['loopback'], '::ffff:9.9.9.9', '9.9.9.9'],
    ['the proxy’s, where it says something that is no address', ['loopback'], 'unknown', '127.0.0.1'],
  ])('is %s', async (_, trusted, forwarded, address) => {
    expect(await seen(trusted, forwarded)).toBe(address);
  });

  it('counts together with its network where it is IPv6', () => {
    expect(addressGroup('2001:db8:0:1::5')).toBe('2001:db8:0:1::/64');
    expect(addressGroup('2001:db8::1:0:0:0:5')).toBe('2001:db8:0:1::/64');
    expect(addressGroup('::1')).toBe('0:0:0:0::/64');
    expect(addressGroup('9.9.9.9')).toBe('9.9.9.9');
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        expect(addressGroup(address)).toMatch(/^(?:[\da-f]{1,4}:){3}[\da-f]{1,4}::\/64$/);
      }),
    );
  });

  it('refuses proxies that are none', () => {
    const fine = ['127.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8', 'loopback', 'uniquelocal'];
    expect(fine.filter((entry) => proxyProblem(entry) !== undefined)).toEqual([]);
    const wrong = [
      '',
      'proxy.example',
      '10.0.0.0/33',
      '10.0.0.0/0',
      '::/129',
      '1.2.3',
      '10.0.0.0/8/8',
      'true',
    ];
    expect(wrong.filter((entry) => proxyProblem(entry) === undefined)).toEqual([]);
    expect(() => readHostConfig({ RAPPORT_TRUSTED_PROXIES: '10.0.0.0/8, proxy.example' })).toThrow(
      /RAPPORT_TRUSTED_PROXIES: expected addresses .*; got "proxy.example"/,
    );
    // All that pass are read by Fastify.
    http = createHttpServer(() => undefined, { trustedProxies: fine });
  });
});
