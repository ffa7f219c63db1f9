import { createTransport } from 'nodemailer';
import type { RequestedMessage } from '@rapport/contracts';
import { messageOf } from '@rapport/kernel';
import type { SendResult } from '../../ports/channel.js';
import type { ChannelKind } from './channel-kind.js';

const textOf = (content: RequestedMessage['content'], key: string): string | undefined => {
  const value = content[key];
  return typeof value === 'string' ? value : undefined;
};

/** A way out that a reader sees, where the text has none of its own. */
const withFooter = (text: string | undefined, unsubscribe: string): string | undefined =>
  text === undefined || unsubscribe === '' || text.includes(unsubscribe)
    ? text
    : `${text.trimEnd()}\n\n--\nNo more of these: ${unsubscribe}\n`;

/** The parts of a session in which the server speaks of this one mail; elsewhere it speaks of us. */
const aboutTheMail = new Set(['MAIL FROM', 'RCPT TO', 'DATA']);

/** Codes from 500 on are the server's last word about a mail (RFC 5321, 4.2.1); all else may work later. */
function refusal(thrown: unknown): SendResult {
  const { responseCode, command } = thrown as { readonly responseCode?: unknown; readonly command?: unknown };
  const isFinal =
    typeof responseCode === 'number' &&
    responseCode >= 500 &&
    typeof command === 'string' &&
    aboutTheMail.has(command);
  return { outcome: isFinal ? 'failed' : 'later', detail: messageOf(thrown).slice(0, 300) };
}

/** After a mail's last byte a server may still look through it before it answers; leaving sooner means sending twice. */
const silenceFactor = 3;

/** E-mail over SMTP, with one-click unsubscribing (RFC 8058). The Message-ID is the message's id, so repeats can be known. */
export const email: ChannelKind = {
  kind: 'email',
  open: ({ options }, { smtpUrl, timeoutMs, atOnce }) => {
    const transport = createTransport({
      url: smtpUrl,
      pool: true,
      maxConnections: atOnce,
      maxMessages: Infinity,
      disableFileAccess: true,
      disableUrlAccess: true,
      dnsTimeout: timeoutMs,
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs * silenceFactor,
    });
    return {
      // One server takes all, but what it does with a mail often hangs on the domain that the mail is for.
      destinationOf: ({ to }) =>
        to
          .slice(to.lastIndexOf('@') + 1)
          .trim()
          .toLowerCase(),
      send: async (message) => {
        const { content, messageId, to, tactic, requestedAt } = message;
        const unsubscribe = textOf(content, 'unsubscribe') ?? '';
        const text = withFooter(textOf(content, 'text'), unsubscribe);
        const html = textOf(content, 'html');
        try {
          const { response } = await transport.sendMail({
            from: options?.['from'] ?? 'Rapport <rapport@localhost>',
            to: { name: '', address: to },
            subject: textOf(content, 'subject') ?? '',
            ...(text === undefined ? {} : { text }),
            ...(html === undefined ? {} : { html }),
            messageId: `<${messageId}@rapport>`,
            date: requestedAt,
            headers: {
              'X-Rapport-Message': messageId,
              'X-Rapport-Tactic': tactic,
              ...(unsubscribe === ''
                ? {}
                : {
                    // RFC 8058 wants the address alone, unfolded.
                    'List-Unsubscribe': { prepared: true, value: `<${unsubscribe}>` },
                    'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
                  }),
            },
          });
          return { outcome: 'sent', detail: response };
        } catch (thrown) {
          return refusal(thrown);
        }
      },
      close: async () => {
        transport.close();
        return Promise.resolve();
      },
    };
  },
};
