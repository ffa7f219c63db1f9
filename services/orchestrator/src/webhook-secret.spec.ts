import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import type { Playbook } from '@rapport/playbook';
import { mailTactic, playbook } from './fixtures/definitions.js';
import { openTemporaryRoom, type TemporaryRoom } from './fixtures/temporary-room.js';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const bookTo = (url: string): Playbook =>
  playbook({
    channels: [{ name: 'hooks', kind: 'webhook', options: { url, secretVariable: 'CRM_SECRET' } }],
    tactics: [
      mailTactic('call', {
        channel: 'hooks',
        variants: [{ name: 'only', content: { reason: 'for {{ profile.profileId }}' } }],
      }),
    ],
    journeys: [
      {
        name: 'call',
        title: 'call',
        version: 1,
        start: { event: 'call' },
        steps: [{ name: 'one', send: 'call' }],
      },
    ],
  });

async function openWorld(url: string, environment: Record<string, string>): Promise<TemporaryRoom> {
  const world = await openTemporaryRoom(bookTo(url), { environment });
  closing.push(() => world.close());
  return world;
}

describe('the secret of webhooks', () => {
  it('is made on loopback where its variable is not set: nothing goes out unsigned', async () => {
    const got: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
    const receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        got.push({ headers: request.headers, body });
        response.end();
      });
    });
    await new Promise<void>((listening) => receiver.listen(0, '127.0.0.1', listening));
    closing.push(() => void receiver.close());
    const dir = mkdtempSync(join(tmpdir(), 'rapport-webhook-'));
    closing.push(() => rmSync(dir, { recursive: true, force: true }));
    const { port } = receiver.address() as AddressInfo;
    const world = await openWorld(`http://127.0.0.1:${port}/`, { RAPPORT_DATA_DIR: dir });
    const room = await world.start();
    await world.people.did(world.people.add('ada'), 'call');
    await room.settle();
    const { webhooks } = JSON.parse(readFileSync(join(dir, 'secrets.json'), 'utf8')) as {
      webhooks: Record<string, string>;
    };
    expect(got).toHaveLength(1);
    const [{ headers, body }] = got as [(typeof got)[number]];
    const signature = headers['webhook-signature'] as string;
    const signed = createSignature(webhooks['CRM_SECRET'] ?? '', headers, body);
    expect(signature).toBe(signed);
  });

  it.each(['whsec_', 'whsec_c2hvcnQ=', 'short'])('is refused where it is %j', async (secret) => {
    const world = await openWorld('http://127.0.0.1:9/', { CRM_SECRET: secret });
    await expect(world.start()).rejects.toThrow(/channel hooks: .*at least 24 bytes/);
  });
});

/** As the receiver makes it, at the instant that the header names: the platform's clock is virtual here. */
function createSignature(secret: string, headers: IncomingHttpHeaders, body: string): string {
  const at = new Date(Number(headers['webhook-timestamp']) * 1000);
  return new Webhook(secret).sign(headers['webhook-id'] as string, at, body);
}
