import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { SMTPServer } from 'smtp-server';
import { repositoryRoot } from '@rapport/testing';

/** What a mail server says to a recipient: a code and how long it takes. */
export interface Manners {
  readonly code?: number;
  /** Before it answers that it has the mail. */
  readonly takesMs?: number;
  /** Answers RCPT only when it is told to let go. */
  readonly hangs?: boolean;
}

/** A mail server of the world that behaves to each domain as a test says, and counts what it took. */
export class MailWorld {
  readonly manners = new Map<string, Manners>();
  /** How often each Message-ID was taken. */
  readonly taken = new Map<string, number>();
  readonly takenBy = new Map<string, string[]>();
  readonly asked: string[] = [];
  hanging = 0;
  #letGo: (() => void)[] = [];
  readonly #server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    closeTimeout: 100,
    onRcptTo: ({ address }, _session, done) => {
      const { code, hangs } = this.#mannersTo(address);
      this.asked.push(address);
      const answer = (): void =>
        code === undefined ? done() : done(Object.assign(new Error('not now'), { responseCode: code }));
      if (hangs !== true) return answer();
      this.hanging++;
      this.#letGo.push(() => {
        this.hanging--;
        answer();
      });
    },
    onData: (stream, session, done) => {
      const to = session.envelope.rcptTo[0]?.address ?? '';
      // A sender that was killed in the middle has sent nothing.
      void textOf(stream).then((raw) => {
        const id = /^message-id: *(\S+)/im.exec(raw)?.[1] ?? '';
        this.taken.set(id, (this.taken.get(id) ?? 0) + 1);
        this.takenBy.set(to, [...(this.takenBy.get(to) ?? []), id]);
        setTimeout(() => done(null, 'taken'), this.#mannersTo(to).takesMs ?? 0);
      }, done);
    },
  });

  async listen(): Promise<string> {
    this.#server.on('error', () => undefined);
    await new Promise<void>((listening) => this.#server.listen(0, '127.0.0.1', listening));
    return `smtp://127.0.0.1:${(this.#server.server.address() as AddressInfo).port}/?ignoreTLS=true`;
  }

  letGo(): void {
    for (const one of this.#letGo.splice(0)) one();
  }

  async close(): Promise<void> {
    this.letGo();
    await new Promise<void>((closed) => this.#server.close(() => closed()));
  }

  #mannersTo(address: string): Manners {
    return this.manners.get(address.slice(address.indexOf('@') + 1)) ?? {};
  }
}

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

/** A webhook receiver that takes its time and counts each webhook-id. */
export class HookWorld {
  readonly taken = new Map<string, number>();
  takesMs = 0;
  readonly #server: Server = createServer((request, response) => {
    const id = String(request.headers['webhook-id']);
    request.resume().once('end', () => {
      this.taken.set(id, (this.taken.get(id) ?? 0) + 1);
      setTimeout(() => response.writeHead(200).end(), this.takesMs);
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((listening) => this.#server.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((closed) => this.#server.close(() => closed()));
  }
}

/** How many came more than once, and how often too many. */
export const doublesIn = (taken: ReadonlyMap<string, number>): number =>
  [...taken.values()].reduce((sum, count) => sum + count - 1, 0);

/** A playbook of two journeys: the event `Greeted` sends a mail, `Rang` a webhook. */
export function writePlaybook(hookUrl: string): { readonly dir: string; readonly remove: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'rapport-delivery-'));
  const dir = join(root, 'playbook');
  cpSync(join(repositoryRoot, 'playbook'), dir, { recursive: true });
  const goal = 'goal: { event: Order Completed, metric: count, within: 7d, target: 0.05 }';
  const parts: Readonly<Record<string, string>> = {
    channels: `
- { name: email, kind: email, options: { from: Shop <shop@example.com> }, caps: [{ max: 1, per: 1d }] }
- { name: webhook, kind: webhook, options: { url: "${hookUrl}", secretVariable: RAPPORT_WEBHOOK_SECRET } }`,
    tactics: `
- name: greeting
  title: Greets
  segment: cart_left
  channel: email
  consent: marketing
  holdout: 0
  variants: [{ name: one, content: { subject: Hello, text: Hello } }]
  ${goal}
- name: ringing
  title: Rings
  segment: cart_left
  channel: webhook
  consent: marketing
  holdout: 0
  variants: [{ name: one, content: { reason: rang } }]
  ${goal}`,
    journeys: `
- name: greet
  title: Greets
  version: 1
  start: { event: Greeted }
  steps: [{ name: hello, send: greeting, ignoreSegment: true }]
  reentryAfter: 1m
- name: ring
  title: Rings
  version: 1
  start: { event: Rang }
  steps: [{ name: bell, send: ringing, ignoreSegment: true }]
  reentryAfter: 1m`,
  };
  for (const [name, text] of Object.entries(parts)) writeFileSync(join(dir, `${name}.yaml`), `${text}\n`);
  return { dir, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** What a platform needs to send to these receivers. */
export const environmentFor = (smtpUrl: string): Record<string, string> => ({
  RAPPORT_SMTP_URL: smtpUrl,
  RAPPORT_PUBLIC_URL: 'http://127.0.0.1:8080',
  RAPPORT_WEBHOOK_SECRET: `whsec_${Buffer.from('a secret of twenty-four b').toString('base64')}`,
});

/** Resolves when it holds; throws with what was last seen otherwise. */
export async function until(holds: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  for (const end = performance.now() + withinMs; !(await holds());) {
    if (performance.now() > end) throw new Error(`waited ${withinMs} ms in vain for: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
