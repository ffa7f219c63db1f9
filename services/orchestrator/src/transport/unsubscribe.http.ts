import type { FastifyInstance, FastifyReply } from 'fastify';
import type { UnsubscribeClaim } from '../ports/content-renderer.js';
import type { Unsubscribe } from '../steps/unsubscribe.js';
import { linkInvalid } from '../orchestrator.errors.js';
import { escapeHtml } from './mail.http.js';

export interface UnsubscribeRoutes {
  /** What a token is about and until when it is good; undefined when it was not made here. */
  readonly read: (
    token: string,
  ) => { readonly claim: UnsubscribeClaim; readonly expiresAtMs: number } | undefined;
  /** Does what the link says; resolves when that is durable. */
  readonly unsubscribe: Unsubscribe;
  readonly now: () => number;
  /** Whom somebody may write to whose link is too old; undefined where no channel has an address. */
  readonly sender: string | undefined;
}

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style>body{font:17px/1.5 system-ui;max-width:32rem;margin:4rem auto;padding:0 1rem}button{font:inherit;padding:.5rem 1rem}</style>
<h1>${title}</h1>${body}</html>
`;

/**
 * The links of messages. GET only asks back, because mail scanners follow links; POST does it, from the page or with
 * one click from the mail program (RFC 8058). No token of ours is asked: the link is signed.
 */
export function mountUnsubscribe(http: FastifyInstance, routes: UnsubscribeRoutes): void {
  /** Undefined: too old, and the answer says what to do instead. */
  const claimOf = (token: string, reply: FastifyReply): UnsubscribeClaim | undefined => {
    const link = routes.read(token);
    if (link === undefined) throw linkInvalid();
    if (link.expiresAtMs > routes.now()) return link.claim;
    const write = routes.sender === undefined ? '' : `, or write to ${escapeHtml(routes.sender)}`;
    void reply
      .code(410)
      .type('text/html; charset=utf-8')
      .send(page('This link is too old', `<p>Use the link of a newer message${write}.</p>`));
    return undefined;
  };
  // What a mail program or a form posts says nothing that the link does not.
  http.addContentTypeParser(
    ['application/x-www-form-urlencoded', 'multipart/form-data'],
    { bodyLimit: 4096 },
    (_request, payload, done) => {
      payload.resume();
      payload.once('end', () => done(null, undefined));
    },
  );

  const signed = { config: { open: 'the link is signed' } };
  http.get<{ Params: { token: string } }>('/v1/unsubscribe/:token', signed, async (request, reply) => {
    const claim = claimOf(request.params.token, reply);
    if (claim === undefined) return reply;
    return reply
      .type('text/html; charset=utf-8')
      .send(
        page(
          'No more of these messages?',
          `<p>About: ${escapeHtml(claim.purpose.replaceAll('_', ' '))}.</p><form method="post"><button>Unsubscribe</button></form>`,
        ),
      );
  });

  http.post<{ Params: { token: string } }>('/v1/unsubscribe/:token', signed, async (request, reply) => {
    const claim = claimOf(request.params.token, reply);
    if (claim === undefined) return reply;
    await routes.unsubscribe(claim);
    return reply
      .type('text/html; charset=utf-8')
      .send(page('Done', '<p>You will get no more of these messages.</p>'));
  });
}
