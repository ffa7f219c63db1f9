import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { createTracing } from './tracing.js';

interface Export {
  resourceSpans: {
    scopeSpans: {
      spans: { name: string; traceId: string; parentSpanId?: string; status?: { code?: number } }[];
    }[];
  }[];
}

describe('tracing', () => {
  it('sends server spans that continue the caller’s trace to the collector', async () => {
    const received: Export[] = [];
    const collector = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (request.url === '/v1/traces')
          received.push(JSON.parse(Buffer.concat(chunks).toString()) as Export);
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const tracing = createTracing(
      'ingestion',
      `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    );
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const span = tracing.startServerSpan(
      'POST /v1/batch',
      { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
      { 'http.route': '/v1/batch' },
    );
    tracing.end(span, new Error('refused'));
    await tracing.stop();
    await new Promise<void>((resolve) => collector.close(() => resolve()));
    const spans = received.flatMap((sent) =>
      sent.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans)),
    );
    expect(spans).toEqual([
      expect.objectContaining({ name: 'POST /v1/batch', traceId, parentSpanId: 'b7ad6b7169203331' }),
    ]);
    expect(spans[0]?.status?.code).toBe(2);
  });
});
