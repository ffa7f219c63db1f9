import { describe, expect, it } from '@jest/globals';
import type { ChannelDefinition } from '@rapport/playbook';
import { readOrchestratorConfig } from './orchestrator.config.js';

const email: ChannelDefinition = { name: 'email', kind: 'email' };
const hooks: ChannelDefinition = { name: 'hooks', kind: 'webhook', options: { url: 'https://x.example/' } };
const crm: ChannelDefinition = {
  ...hooks,
  name: 'crm',
  options: { ...hooks.options, secretVariable: 'CRM_SECRET' },
};
const secret = 's'.repeat(32);

const problemOf = (
  environment: Record<string, string>,
  channels: readonly ChannelDefinition[] = [email],
  loopback = true,
): string => {
  try {
    readOrchestratorConfig(environment, channels, loopback);
    return '';
  } catch (thrown) {
    return (thrown as Error).message;
  }
};

describe('the configuration of the orchestrator', () => {
  const cases: readonly [
    string,
    RegExp | '',
    Record<string, string>,
    (readonly ChannelDefinition[])?,
    boolean?,
  ][] = [
    [
      'mail into the world without a public address',
      /RAPPORT_PUBLIC_URL: expected the address/,
      { RAPPORT_SMTP_URL: 'smtp://mx' },
    ],
    [
      'mail into the world with links that no mail program follows with one click',
      /RAPPORT_PUBLIC_URL: expected https/,
      { RAPPORT_SMTP_URL: 'smtp://mx', RAPPORT_PUBLIC_URL: 'http://shop.example' },
    ],
    ['another scheme', /RAPPORT_PUBLIC_URL/, { RAPPORT_PUBLIC_URL: 'ftp://shop.example' }],
    [
      'mail to this machine',
      '',
      { RAPPORT_SMTP_URL: 'smtp://mx', RAPPORT_PUBLIC_URL: 'http://127.0.0.1:8080' },
    ],
    ['mail over https', '', { RAPPORT_SMTP_URL: 'smtp://mx', RAPPORT_PUBLIC_URL: 'https://shop.example' }],
    ['nothing on loopback', '', {}, [email, hooks, crm]],
    [
      'webhooks unsigned beyond loopback',
      /RAPPORT_WEBHOOK_SECRET: expected[^\n]*hooks[^\n]*\n\s*CRM_SECRET: expected[^\n]*crm/,
      {},
      [hooks, crm],
      false,
    ],
    ['signed ones', '', { RAPPORT_WEBHOOK_SECRET: 'a', CRM_SECRET: 'b' }, [hooks, crm], false],
    ['an empty secret', /CRM_SECRET: expected/, { CRM_SECRET: '' }, [crm], false],
    [
      'replicas with links of their own',
      /RAPPORT_UNSUBSCRIBE_SECRETS: expected/,
      { RAPPORT_DOCUMENT_STORE: 'mongodb' },
      [email],
      false,
    ],
    ['replicas that send no mail', '', { RAPPORT_DOCUMENT_STORE: 'mongodb' }, [], false],
    ['one process beyond loopback', '', {}, [email], false],
    [
      'the setting of before',
      /RAPPORT_UNSUBSCRIBE_SECRET: is RAPPORT_UNSUBSCRIBE_SECRETS now/,
      { RAPPORT_UNSUBSCRIBE_SECRET: secret },
    ],
    [
      'links that end too soon',
      /RAPPORT_UNSUBSCRIBE_LINK_AGE: expected at least 30d/,
      { RAPPORT_UNSUBSCRIBE_LINK_AGE: '29d' },
    ],
    ...[
      'x',
      `a=${'s'.repeat(31)}`,
      `=${secret}`,
      `a=${secret},a=${secret}`,
      `a=${secret},b=short`,
      `a.b=${secret}`,
    ].map((secrets): [string, RegExp, Record<string, string>] => [
      `secrets like ${secrets.slice(0, 20)}`,
      /RAPPORT_UNSUBSCRIBE_SECRETS: expected id=secret pairs/,
      { RAPPORT_UNSUBSCRIBE_SECRETS: secrets },
    ]),
  ];

  it.each(cases.map((one) => [one[0], one] as const))('judges %s', (_, one) => {
    const [, expected, environment, channels, loopback] = one;
    if (expected === '') expect(problemOf(environment, channels, loopback)).toBe('');
    else expect(problemOf(environment, channels, loopback)).toMatch(expected);
  });

  it('reads the secrets of links in their order', () => {
    const { RAPPORT_UNSUBSCRIBE_SECRETS: secrets } = readOrchestratorConfig(
      { RAPPORT_UNSUBSCRIBE_SECRETS: `b=${secret}2, a=${secret}1` },
      [],
      true,
    );
    expect(secrets).toEqual([
      { id: 'b', secret: `${secret}2` },
      { id: 'a', secret: `${secret}1` },
    ]);
  });
});
