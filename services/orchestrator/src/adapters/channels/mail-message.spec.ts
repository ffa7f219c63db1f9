import { describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import { createTransport } from 'nodemailer';
import PostalMime from 'postal-mime';
import type { JsonObject, RequestedMessage } from '@rapport/contracts';
import type { ProfileId } from '@rapport/kernel';
import { problemsOfMail } from '../strict-mail.js';
import { mailOf, type Sender } from './mail-message.js';

const link = 'https://mail.example.com/v1/unsubscribe/a.bcd_e-f.g?x=1&y=2';
const shop: Sender = { name: 'Shop', address: 'shop@example.com' };

const message = (content: JsonObject, more: Partial<RequestedMessage> = {}): RequestedMessage => ({
  messageId: 'm_1',
  profileId: 'p_ada' as ProfileId,
  channel: 'email',
  tactic: 'reminder',
  variant: 'only',
  decisionId: 'd1',
  to: 'ada@example.com',
  content,
  requestedAt: '2026-11-29T12:28:59.039Z',
  ...more,
});

/** The bytes that go over the wire. */
async function bytesOf(one: RequestedMessage, from = shop): Promise<Buffer> {
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows' });
  const { message: raw } = await transport.sendMail(mailOf(one, from));
  return raw as unknown as Buffer;
}

const partsOf = async (
  one: RequestedMessage,
): Promise<{ readonly text: string; readonly html: string | undefined }> => {
  const raw = await bytesOf(one);
  expect(problemsOfMail(raw)).toEqual([]);
  const { text = '', html } = await PostalMime.parse(raw);
  return { text, html };
};

describe('a mail', () => {
  test('is what a strict reader takes, whatever names, subjects and bodies say', async () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.string({ maxLength: 3000 }),
      fc.constantFrom(
        'é'.repeat(300),
        'x'.repeat(2000),
        'Grüße\r\nBcc: eve@example.com',
        '=?utf-8?q?=zz?=',
        '.\r\n.',
        ' ',
        '\ud800',
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.record({ subject: anything, text: anything, html: anything }, { requiredKeys: ['subject'] }),
        anything,
        anything,
        fc.emailAddress({ size: 'small' }),
        async (content, name, messageId, to) => {
          const one = message({ ...content, unsubscribe: link }, { to, tactic: name, messageId });
          const raw = await bytesOf(one, { name, address: 'shop@example.com' });
          expect({ problems: problemsOfMail(raw), raw: raw.toString('latin1') }).toMatchObject({
            problems: [],
          });
          const read = await PostalMime.parse(raw);
          expect(read.headers.filter(({ key }) => key === 'bcc' || key === 'cc')).toEqual([]);
          expect(read.to).toHaveLength(1);
          expect(read.text).toContain(link);
          if (content.html !== undefined) expect(read.html).toContain(link.replaceAll('&', '&amp;'));
        },
      ),
      { numRuns: 150 },
    );
  });

  it.each(['javascript:alert(1)', 'https://x.example/>\r\nBcc: eve@example.com', 'x', ''])(
    'has no header for a way out like %j',
    async (unsubscribe) => {
      const raw = await bytesOf(message({ text: 'x', unsubscribe }));
      expect(problemsOfMail(raw)).toEqual([]);
      const { headers } = await PostalMime.parse(raw);
      const uri = headers.find(({ key }) => key === 'list-unsubscribe')?.value ?? '<https://x.example/>';
      expect(headers.map(({ key }) => key)).not.toContain('bcc');
      expect(uri).toMatch(/^<https:\/\/[^<>\s]+>$/);
    },
  );

  it('goes to one recipient, in the header and in the envelope', () => {
    expect(mailOf(message({ text: 'x' }), shop)).toMatchObject({
      to: { name: '', address: 'ada@example.com' },
      envelope: { from: 'shop@example.com', to: ['ada@example.com'] },
    });
  });

  it('has the instant of its decision as date, so that it is the same mail when it is sent again', async () => {
    const raw = (await bytesOf(message({ text: 'x' }))).toString();
    expect(/^Date: .*$/m.exec(raw)?.[0].trim()).toBe('Date: Sun, 29 Nov 2026 12:28:59 +0000');
  });

  it('has a text part where its content has HTML alone: words and links, no styles', async () => {
    const html =
      '<html><head><style>p { color: red }</style><title>No</title></head><body><h1>Hello</h1><p>One &amp; <a href="https://shop.example/?a=1&amp;b=2">two</a></p><script>no()</script></body></html>';
    const { text } = await partsOf(message({ html, unsubscribe: link }));
    expect(text).toContain('One & two [https://shop.example/?a=1&b=2]');
    expect(text).not.toMatch(/color|no\(\)/);
    expect(text).toContain(`No more of these: ${link}`);
  });

  it.each([
    [
      'before the end of the body',
      '<HTML><BODY><p>Hi</p></BODY ></HTML>',
      /<p>Hi<\/p><p[^>]*><a.*<\/p><\/BODY >/,
    ],
    ['before the end of the document', '<html><p>Hi</p></html>', /<\/a><\/p><\/html>/],
    ['at the end of a piece', '<p>Hi</p>', /<p>Hi<\/p>\n<p.*<\/a><\/p>$/],
    ['where the link stands in a comment only', `<p>Hi</p><!-- ${link} -->`, /-->\n<p.*<\/a><\/p>$/],
  ])('has a visible way out in the HTML, %s', async (_, html, expected) => {
    const parts = await partsOf(message({ html, unsubscribe: link }));
    expect(parts.html?.trim()).toMatch(expected);
    expect(parts.html).toContain(`<a href="${link.replaceAll('&', '&amp;')}">`);
  });

  it('keeps the way out that a template has', async () => {
    const html = `<p>Hi <a href="${link.replaceAll('&', '&amp;')}">leave</a></p>`;
    const parts = await partsOf(message({ html, text: `Leave: ${link}`, unsubscribe: link }));
    expect(parts.text.trim()).toBe(`Leave: ${link}`);
    expect(parts.html?.trim()).toBe(html);
  });
});
