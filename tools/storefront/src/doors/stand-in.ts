import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A shop's calls, answered from memory: enough of the doors to try the shop's side of them without a platform. */
export interface StandIn {
  readonly httpUrl: string;
  /** Everything that came to `POST /v1/batch`, in order. */
  readonly events: readonly {
    readonly messageId: string;
    readonly timestamp: string;
    readonly userId?: string;
  }[];
  readonly decisions: readonly string[];
  /** Digest of every call that changes something, in order. */
  digest(): string;
  close(): Promise<void>;
}

interface Call {
  readonly batch?: StandIn['events'];
  readonly person?: string;
  readonly placement?: string;
  readonly advanceTo?: string;
}

/** Starts a stand-in that shows `tactic` at every placement and is overloaded on every `busyEvery`-th batch. */
export async function startStandIn(tactic: string, busyEvery = Infinity): Promise<StandIn> {
  const events: StandIn['events'][number][] = [];
  const decisions: string[] = [];
  const calls: string[] = [];
  let batches = 0;
  const answer = (path: string, call: Call): { status: number; body: object } => {
    switch (path) {
      case '/v1/batch':
        if (++batches % busyEvery === 0) return { status: 429, body: { error: { code: 'INGESTION_BUSY' } } };
        events.push(...(call.batch ?? []));
        return {
          status: 200,
          body: {
            success: true,
            results: (call.batch ?? []).map(({ messageId }) => ({ messageId, accepted: true })),
          },
        };
      case '/v1/decide': {
        const decisionId = `d${decisions.push(`${call.person} ${call.placement}`)}`;
        const chosen = { tactic, variant: 'a', content: {} };
        return {
          status: 200,
          body: {
            decisionId,
            chosen,
            candidates: [{ tactic, outcome: 'chosen', reason: '' }],
            propensity: 1,
            holdout: false,
            rung: 'rule',
          },
        };
      }
      case '/v1/mail':
        return { status: 200, body: { messages: [] } };
      case '/v1/tactics':
        return { status: 200, body: { tactics: [] } };
      case '/v1/clock':
        return { status: 200, body: { now: call.advanceTo } };
      default:
        return { status: 404, body: { error: { code: 'NOT_FOUND' } } };
    }
  };
  const server = createServer((request, response) => {
    void readAll(request).then((text) => {
      const path = (request.url ?? '').replace(/\?.*/, '');
      const { status, body } = answer(path, text === '' ? {} : (JSON.parse(text) as Call));
      if (request.method === 'POST' && status === 200) calls.push(`${path} ${text}`);
      response.writeHead(status, {
        'content-type': 'application/json',
        ...(status === 429 ? { 'retry-after': '0' } : {}),
      });
      response.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    httpUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    events,
    decisions,
    // Questions go out side by side, so their order is not part of it.
    digest: () =>
      createHash('sha256')
        .update(
          [
            ...calls.filter((call) => !call.startsWith('/v1/decide')),
            ...calls.filter((call) => call.startsWith('/v1/decide')).sort(),
          ].join('\n'),
        )
        .digest('hex'),
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
