import { isIP } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { Agent, request } from 'undici';
import type { RequestedMessage } from '@rapport/contracts';
import { messageOf } from '@rapport/kernel';
import { playbookUnusable } from '../../orchestrator.errors.js';
import type { SendResult } from '../../ports/channel.js';
import type { ChannelKind } from './channel-kind.js';
import { guardedLookup, isInward } from './guarded-lookup.js';

/** Standard Webhooks asks senders to stay below this. */
const maxBodyBytes = 20_000;
/** And their secrets to have this many. */
const minSecretBytes = 24;

function signerOf(name: string, secret: string | undefined): Webhook {
  if (secret === undefined) throw playbookUnusable(`channel ${name}: expected a secret that signs; got none`);
  try {
    const bytes = Buffer.from(secret.replace(/^whsec_/, ''), 'base64').length;
    if (bytes < minSecretBytes) throw new Error(`it has ${bytes} bytes`);
    return new Webhook(secret);
  } catch (thrown) {
    throw playbookUnusable(
      `channel ${name}: the secret in its variable: expected whsec_ and the base64 of at least ${minSecretBytes} bytes, as Standard Webhooks has it; ${messageOf(thrown)}`,
    );
  }
}

const bodyOf = (message: RequestedMessage): string => {
  const { messageId, profileId, tactic, variant, decisionId, journey, content, requestedAt } = message;
  return JSON.stringify({
    type: 'message.requested',
    timestamp: requestedAt,
    data: {
      messageId,
      profileId,
      tactic,
      variant,
      decisionId,
      ...(journey === undefined ? {} : { journey }),
      content,
    },
  });
};

/** Why an address must not be called; undefined when it may. Names are looked at when they are resolved. */
function refusalOfUrl(url: URL, allowPrivate: boolean): string | undefined {
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return `expected http or https; got ${url.protocol}`;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!allowPrivate && isIP(host) !== 0 && isInward(host)) return `${host} is a private address`;
  return undefined;
}

/** 4xx says that the request is wrong, and it will be so again; but for these: timed out, too early, too many. */
const isFinal = (status: number): boolean =>
  status >= 400 && status < 500 && ![408, 425, 429].includes(status);

/** Retry-After as RFC 9110, 10.2.3: seconds, or a date by the machine's clock; undefined where it is neither. */
export function readRetryAfter(
  value: string | readonly string[] | undefined,
  nowMs: number,
): number | undefined {
  if (typeof value !== 'string') return undefined;
  const waitMs = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(waitMs) && waitMs > 0 ? waitMs : undefined;
}

/**
 * Webhooks signed as Standard Webhooks 1.0 says (`webhook-id` is the message's id). Only 2xx is success; redirects are
 * not followed; what is refused with 4xx is over, and 410 turns the destination off for good.
 */
export const webhook: ChannelKind = {
  kind: 'webhook',
  open: ({ name }, { clock, webhookSecret, timeoutMs, allowPrivateAddresses, switches }) => {
    const signer = signerOf(name, webhookSecret);
    const agent = new Agent({
      connect: { timeout: timeoutMs, ...(allowPrivateAddresses ? {} : { lookup: guardedLookup }) },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: 64 << 10,
    });
    const post = async (url: URL, message: RequestedMessage): Promise<SendResult> => {
      const body = bodyOf(message);
      if (Buffer.byteLength(body) > maxBodyBytes) {
        return { outcome: 'failed', detail: `the body has more than ${maxBodyBytes} bytes` };
      }
      const at = new Date(clock.now());
      const {
        statusCode,
        headers,
        body: answer,
      } = await request(url, {
        method: 'POST',
        dispatcher: agent,
        headers: {
          'content-type': 'application/json',
          'webhook-id': message.messageId,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
          'webhook-signature': signer.sign(message.messageId, at, body),
        },
        body,
        signal: AbortSignal.timeout(timeoutMs),
      });
      await answer.dump();
      if (statusCode >= 200 && statusCode < 300) return { outcome: 'sent', detail: `answered ${statusCode}` };
      if (statusCode !== 410) {
        const detail = `answered ${statusCode}`;
        if (isFinal(statusCode)) return { outcome: 'failed', detail };
        const retryAfterMs = readRetryAfter(headers['retry-after'], Date.now());
        return { outcome: 'later', detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
      }
      await switches.turnOff(url.href, `answered 410 at ${at.toISOString()}`);
      return { outcome: 'failed', detail: 'answered 410: nothing more is sent there' };
    };
    return {
      destinationOf: ({ to }) => (URL.canParse(to) ? new URL(to).origin : ''),
      send: async (message) => {
        if (!URL.canParse(message.to)) return { outcome: 'failed', detail: 'the address is no URL' };
        const url = new URL(message.to);
        const why = refusalOfUrl(url, allowPrivateAddresses) ?? (await switches.whyOff(url.href));
        if (why !== undefined) return { outcome: 'failed', detail: why };
        try {
          return await post(url, message);
        } catch (thrown) {
          return { outcome: 'later', detail: messageOf(thrown) };
        }
      },
      close: async () => agent.close(),
    };
  },
};
