import { createTransport } from 'nodemailer';
import addressparser from 'nodemailer/lib/addressparser';
import { messageOf } from '@rapport/kernel';
import type { ChannelDefinition } from '@rapport/playbook';
import { isMailAddress } from '../../domain/mail-address.js';
import { playbookUnusable } from '../../orchestrator.errors.js';
import type { SendResult } from '../../ports/channel.js';
import type { ChannelKind } from './channel-kind.js';
import { mailOf, type Sender } from './mail-message.js';

const defaultFrom = 'Rapport <rapport@localhost>';

/** The sender of a channel; throws where its option `from` is not exactly one address, with or without a name. */
function readSender(name: string, from = defaultFrom): Sender {
  const [sender, ...others] = addressparser(from, { flatten: true });
  if (sender !== undefined && others.length === 0 && isMailAddress(sender.address)) return sender;
  throw playbookUnusable(
    `channel ${name}: options.from: expected one address, for example Shop <shop@example.com>; got ${JSON.stringify(from.slice(0, 100))}`,
  );
}

/** The address behind the first mail channel: whom somebody may write to whose link no longer works. */
export function senderOf(channels: readonly ChannelDefinition[]): string | undefined {
  const channel = channels.find(({ kind, options }) => kind === 'email' && options?.['from'] !== undefined);
  return channel && readSender(channel.name, channel.options?.['from']).address;
}

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
  open: ({ name, options }, { smtpUrl, timeoutMs, atOnce }) => {
    const from = readSender(name, options?.['from']);
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
        // Decisions let nobody stand whose address is not one; what other producers ask for is looked at here.
        if (!isMailAddress(message.to))
          return { outcome: 'failed', detail: 'expected one address to send to; got something else' };
        if (Number.isNaN(Date.parse(message.requestedAt)))
          return { outcome: 'failed', detail: 'requestedAt: expected an instant in ISO 8601' };
        try {
          const { response } = await transport.sendMail(mailOf(message, from));
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
