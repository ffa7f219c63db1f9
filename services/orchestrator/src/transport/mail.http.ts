import type { FastifyInstance } from 'fastify';
import { RapportError } from '@rapport/kernel';
import type { loopbackHostOnly } from '@rapport/service-host';
import { requestInvalid } from '../orchestrator.errors.js';
import type { MailSink, SunkMail } from '../ports/mail-sink.js';

export interface MailRoutes {
  /** Undefined when mail goes to a server of the deployment. */
  readonly sink: () => MailSink | undefined;
  /** On loopback the page asks for no token. */
  readonly loopback: boolean;
  /** Refuses there what was not sent to a name of ours. */
  readonly checkHost: ReturnType<typeof loopbackHostOnly>;
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
export const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (one) => escapes[one] ?? one);

const maxLimit = 1000;

/** GET /v1/mail (JSON) and GET /mail (a page): what the local mail sink has. */
export function mountMail(http: FastifyInstance, routes: MailRoutes): void {
  const open = (): MailSink => {
    const sink = routes.sink();
    if (sink) return sink;
    throw new RapportError(
      'ORCHESTRATOR_SINK_OFF',
      'conflict',
      'mail goes to RAPPORT_SMTP_URL, so the local mail sink is off; unset it to see mails here',
    );
  };

  http.get<{ Querystring: { since?: string; after?: string; limit?: string } }>(
    '/v1/mail',
    { config: { action: 'mail.read' } },
    async (request) => {
      const { since, after = since, limit = '100' } = request.query;
      const wanted = Number(limit);
      if (!Number.isInteger(wanted) || wanted < 1 || wanted > maxLimit) {
        throw requestInvalid(
          `limit: expected a whole number from 1 to ${maxLimit}; got ${limit.slice(0, 40)}`,
        );
      }
      const sink = open();
      const messages = await sink.listAfter(after === '' ? undefined : after, wanted);
      const repeats = await sink.repeats();
      return { messages, nextCursor: messages.at(-1)?.id ?? after ?? null, repeats };
    },
  );

  const config = routes.loopback
    ? { open: 'a page for a browser on this machine, which sends no token' }
    : ({ action: 'mail.read' } as const);
  http.get('/mail', { config, onRequest: routes.checkHost }, async (_request, reply) => {
    const sink = open();
    const [mails, repeats] = await Promise.all([sink.newest(200), sink.repeats()]);
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .send(pageOf(mails, repeats));
  });
}

const rowOf = ({ at, to, subject, tactic, text, repeat }: SunkMail): string =>
  `<details><summary><time>${escapeHtml(at)}</time> <b>${escapeHtml(subject)}</b> to ${escapeHtml(to)} <i>${escapeHtml(tactic)}</i>${repeat === undefined ? '' : ` (repeat ${repeat})`}</summary><pre>${escapeHtml(text)}</pre></details>`;

const pageOf = (mails: readonly SunkMail[], repeats: number): string => `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Mail</title>
<style>body{font:15px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}summary{cursor:pointer;padding:.3rem 0}time,i{color:#666}pre{white-space:pre-wrap;background:#f5f5f5;padding:1rem}</style>
<h1>Mail</h1><p>What the platform sent to its local sink, newest first; at most 200. Repeats of a mail that had come before: ${repeats}.</p>
${mails.length === 0 ? '<p>Nothing yet.</p>' : mails.map(rowOf).join('\n')}
</html>
`;
