import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { writeJson, type Json } from '../inputs/json.js';
import { anyText, emailText } from '../inputs/texts.js';
import type { Door } from './door.js';
import { call, isFault, parsed, serverFault } from './http-client.js';
import { moods, RudeReceivers, type Mood } from './rude-receivers.js';

/** Somebody who is written to, how the messages are received, and what is done with a link of a mail. */
interface MailInput {
  readonly email: string;
  readonly traits: Readonly<Record<string, Json>>;
  readonly moods: readonly Mood[];
  readonly link: {
    readonly method: 'GET' | 'POST';
    readonly change: 'none' | 'flip' | 'cut' | 'append' | 'swap' | 'noise';
    readonly at: number;
    readonly text: string;
    readonly body: string;
  };
}

const mailInput: fc.Arbitrary<MailInput> = fc.record({
  email: emailText,
  traits: fc.record({ firstName: anyText, anything: anyText }, { requiredKeys: [] }),
  moods: fc.array(fc.constantFrom(...moods), { maxLength: 3 }),
  link: fc.record({
    method: fc.constantFrom('GET', 'POST'),
    change: fc.constantFrom('none', 'flip', 'cut', 'append', 'swap', 'noise'),
    at: fc.nat(400),
    text: anyText,
    body: fc.oneof(fc.constant('List-Unsubscribe=One-Click'), anyText, fc.constant('x'.repeat(5_000))),
  }),
});

let receivers: RudeReceivers | undefined;

/** Mails and webhooks to receivers that refuse, hang and talk nonsense; links of mails, changed and unchanged. */
export const mailDoor: Door<MailInput> = {
  name: 'mail',
  lanes: 2,
  feedsTheLog: true,
  inputs: mailInput,
  show: (input) => JSON.stringify(input).slice(0, 1_200),

  async prepare({ playbookDir }) {
    receivers = new RudeReceivers();
    const { smtpUrl, webhookUrl } = await receivers.listen();
    const channels = join(playbookDir, 'channels.yaml');
    writeFileSync(channels, readFileSync(channels, 'utf8').replace(/url: \S+/, `url: ${webhookUrl}`));
    return {
      RAPPORT_SMTP_URL: smtpUrl,
      RAPPORT_PUBLIC_URL: 'http://127.0.0.1:8080',
      RAPPORT_WEBHOOK_PRIVATE_ADDRESSES: 'true',
      RAPPORT_WEBHOOK_TIMEOUT: '1s',
      RAPPORT_DELIVERY_RETRIES: '200ms,500ms,1s',
    };
  },

  async send(input, target, nth) {
    receivers?.expect(input.moods);
    const userId = `mail-${nth}`;
    const batch = [
      {
        type: 'identify',
        messageId: `z${nth}-0`,
        userId,
        traits: { ...input.traits, email: input.email },
        context: { consent: { categoryPreferences: { marketing: true } } },
      },
      {
        type: 'track',
        messageId: `z${nth}-1`,
        userId,
        event: 'Product Added',
        properties: { product_id: 'p1' },
      },
    ];
    const answer = await call({
      method: 'POST',
      url: `${target.httpUrl}/v1/batch`,
      headers: {
        authorization: `Basic ${Buffer.from(`${target.writeKey}:`).toString('base64')}`,
        'content-type': 'application/json',
      },
      body: writeJson({ batch }),
    });
    if (isFault(answer)) return answer;
    const { results = [] } = (parsed(answer.body) ?? {}) as {
      results?: { messageId: string; accepted: boolean }[];
    };
    for (const { messageId, accepted } of results)
      if (accepted) target.accepted(messageId, [`user_id:${userId}`]);
    target.count(`mail ${answer.status}`);
    const links = receivers?.links ?? [];
    const link = links[input.link.at % Math.max(1, links.length)];
    if (link === undefined) return serverFault('mail', answer);
    const used = await call({
      method: input.link.method,
      url: target.httpUrl + changed(link, input.link, links),
      ...(input.link.method === 'POST'
        ? { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: input.link.body }
        : {}),
    });
    if (isFault(used)) return used;
    target.count(`mail link ${used.status}`);
    return serverFault(`${input.link.method} /v1/unsubscribe ${input.link.change}`, used);
  },

  // The last retries find somebody at home.
  calm: () => receivers?.beKind(),
  close: async () => receivers?.close(),
};

function changed(link: string, { change, at, text }: MailInput['link'], links: readonly string[]): string {
  const token = link.slice(link.lastIndexOf('/') + 1);
  const head = link.slice(0, link.length - token.length);
  const place = at % Math.max(1, token.length);
  switch (change) {
    case 'none':
      return link;
    case 'flip':
      return `${head}${token.slice(0, place)}${token[place] === 'A' ? 'B' : 'A'}${token.slice(place + 1)}`;
    case 'cut':
      return head + token.slice(0, place);
    case 'append':
      return head + token + encodeURIComponent(Buffer.from(text).toString('utf8'));
    case 'swap': {
      // The signature of another link.
      const other = links[0]?.split('.').at(-1) ?? '';
      return `${head}${token.split('.')[0] ?? ''}.${other}`;
    }
    case 'noise':
      return head + encodeURIComponent(Buffer.from(text).toString('utf8'));
  }
}
