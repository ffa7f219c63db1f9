import type { FastifyInstance } from 'fastify';
import { linkInvalid } from '../orchestrator.errors.js';
import { escapeHtml } from './mail.http.js';

export interface UnsubscribeRoutes {
  /** Whom a token is about; undefined when it was not made here. */
  readonly read: (token: string) => { readonly profileId: string; readonly purpose: string } | undefined;
  /** Records that the person wants no more; resolves when that is durable. */
  readonly unsubscribe: (profileId: string, purpose: string) => Promise<void>;
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
  const claimOf = (token: string): { readonly profileId: string; readonly purpose: string } => {
    const claim = routes.read(token);
    if (claim === undefined) throw linkInvalid();
    return claim;
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
    const { purpose } = claimOf(request.params.token);
    return reply
      .type('text/html; charset=utf-8')
      .send(
        page(
          'No more of these messages?',
          `<p>About: ${escapeHtml(purpose.replaceAll('_', ' '))}.</p><form method="post"><button>Unsubscribe</button></form>`,
        ),
      );
  });

  http.post<{ Params: { token: string } }>('/v1/unsubscribe/:token', signed, async (request, reply) => {
    const { profileId, purpose } = claimOf(request.params.token);
    await routes.unsubscribe(profileId, purpose);
    return reply
      .type('text/html; charset=utf-8')
      .send(page('Done', '<p>You will get no more of these messages.</p>'));
  });
}
