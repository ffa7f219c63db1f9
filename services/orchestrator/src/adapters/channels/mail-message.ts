import { convert } from 'html-to-text';
import type { SendMailOptions } from 'nodemailer';
import type { RequestedMessage } from '@rapport/contracts';

const fieldOf = (content: RequestedMessage['content'], key: string): string | undefined => {
  const value = content[key];
  return typeof value === 'string' ? value : undefined;
};

/** A lone half of a character pair has no bytes of its own. */
const wellFormed = (text: string): string => text.replace(/\p{Cs}/gu, '\ufffd');

/**
 * What may not stand in a header (RFC 5322, 2.2) becomes a space; a word too long for its lines (at most 998 octets, and
 * folded between words only) is cut; what only looks like an encoded word (RFC 2047) no longer does.
 */
const asHeader = (text: string): string =>
  wellFormed(text)
    .replace(/[\u0000-\u001f\u007f]+/g, ' ')
    .replaceAll('=?', '= ?')
    .replace(/\S{200}(?=\S)/g, '$& ')
    .trim();

/** The part of a Message-ID before the @ (RFC 5322, 3.6.4). Our ids are such already; other producers may have any. */
const asId = (id: string): string =>
  /^[\w-]{1,200}$/.test(id) ? id : `x_${Buffer.from(wellFormed(id)).toString('base64url').slice(0, 200)}`;

/** Empty where a text is no address of the web: what stands in a header unfolded must be nothing else. */
function webAddressOf(text: string): string {
  if (!URL.canParse(text)) return '';
  const { protocol, href } = new URL(text);
  return /^https?:$/.test(protocol) && /^[!-;=?-~]{1,900}$/.test(href) ? href : '';
}

/** Without the control characters that mail has no use for. */
const asBody = (text: string): string =>
  wellFormed(text)
    .replace(/\r\n?/g, '\n')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '');

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (one) => escapes[one] ?? one);

/** As a reader of the text part sees it: links with their addresses, no pictures, no lines cut. */
const textOf = (html: string): string =>
  convert(html, {
    wordwrap: false,
    selectors: [
      { selector: 'img', format: 'skip' },
      { selector: 'a', options: { hideLinkHrefIfSameAsText: true, ignoreHref: false } },
    ],
    limits: { maxInputLength: 1 << 20, maxDepth: 200, ellipsis: '…' },
  });

const withTextFooter = (text: string, unsubscribe: string): string =>
  text.includes(unsubscribe) ? text : `${text.trimEnd()}\n\n-- \nNo more of these: ${unsubscribe}\n`;

function withHtmlFooter(html: string, unsubscribe: string): string {
  if (textOf(html).includes(unsubscribe)) return html;
  const footer = `<p style="font-size:small"><a href="${escapeHtml(unsubscribe)}">No more of these: unsubscribe</a></p>`;
  const end = /<\/body\s*>(?![\s\S]*<\/body\s*>)|<\/html\s*>(?![\s\S]*<\/html\s*>)/i.exec(html)?.index;
  return end === undefined ? `${html}\n${footer}` : `${html.slice(0, end)}${footer}${html.slice(end)}`;
}

/**
 * A requested message as a mail. It always has a text part, made from the HTML where the content has none, and a way
 * out that a reader sees in each part. One recipient, in the header and in the envelope. The Message-ID is the message's
 * id and the date that of its decision, so a mail that is sent again is the same mail.
 */
export function mailOf(message: RequestedMessage, from: Sender): SendMailOptions {
  const { content, messageId, to, tactic, requestedAt } = message;
  const unsubscribe = webAddressOf(fieldOf(content, 'unsubscribe') ?? '');
  const html = fieldOf(content, 'html');
  const body = html === undefined ? undefined : asBody(html);
  const said = fieldOf(content, 'text');
  const text = said === undefined ? textOf(body ?? '') : asBody(said);
  return {
    from: { name: asHeader(from.name), address: from.address },
    to: { name: '', address: to },
    envelope: { from: from.address, to: [to] },
    subject: asHeader(fieldOf(content, 'subject') ?? ''),
    text: unsubscribe === '' ? text : withTextFooter(text, unsubscribe),
    ...(body === undefined ? {} : { html: unsubscribe === '' ? body : withHtmlFooter(body, unsubscribe) }),
    messageId: `<${asId(messageId)}@rapport>`,
    date: new Date(requestedAt),
    headers: {
      'X-Rapport-Message': asHeader(messageId),
      'X-Rapport-Tactic': asHeader(tactic),
      ...(unsubscribe === ''
        ? {}
        : {
            // RFC 8058 wants the address alone, unfolded.
            'List-Unsubscribe': { prepared: true, value: `<${unsubscribe}>` },
            'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
          }),
    },
  };
}

/** Who mails are from. */
export interface Sender {
  readonly name: string;
  readonly address: string;
}
