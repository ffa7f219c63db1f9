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

/** Codes from 500 on are the server's last word (RFC 5321, 4.2.1); all else may work later. */
function refusal(thrown: unknown): SendResult {
  const code = (thrown as { readonly responseCode?: unknown }).responseCode;
  const isFinal = typeof code === 'number' && code >= 500;
  return { outcome: isFinal ? 'failed' : 'later', detail: messageOf(thrown).slice(0, 300) };
}

/** E-mail over SMTP, with one-click unsubscribing (RFC 8058). The Message-ID is the message's id, so repeats can be known. */
export const email: ChannelKind = {
  kind: 'email',
  open: ({ options }, { smtpUrl }) => {
    const transport = createTransport({
      url: smtpUrl,
      pool: true,
      maxConnections: 4,
      maxMessages: Infinity,
      disableFileAccess: true,
      disableUrlAccess: true,
      connectionTimeout: 10_000,
      greetingTimeout: 10_000,
      socketTimeout: 30_000,
    });
    return {
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
