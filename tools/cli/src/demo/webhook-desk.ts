import { createServer } from 'node:http';

/**
 * Where the sample playbook's webhooks go while the demo runs: somebody must answer, or the platform would try again
 * for hours. Undefined when the port is taken, most likely by a receiver of the reader's own.
 */
export async function openWebhookDesk(port: number): Promise<{ close(): Promise<void> } | undefined> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(204).end());
  });
  const listening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (!listening) return undefined;
  return {
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
