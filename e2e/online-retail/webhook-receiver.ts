import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Receives webhooks and remembers which message went to whom. */
export interface WebhookReceiver {
  readonly url: string;
  /** Ids of the different messages that came, by person. A delivery that is repeated has the same id. */
  readonly messages: ReadonlyMap<string, ReadonlySet<string>>;
  clear(): void;
  close(): Promise<void>;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const messages = new Map<string, Set<string>>();
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const person = /"person":"([^"]+)"/.exec(body)?.[1] ?? body;
      const ids = messages.get(person) ?? new Set<string>();
      messages.set(person, ids.add(String(request.headers['webhook-id'])));
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    messages,
    clear: () => messages.clear(),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
