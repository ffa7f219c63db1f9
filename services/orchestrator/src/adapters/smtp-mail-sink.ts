import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import type { Clock } from '@rapport/kernel';
import type { Collection, CollectionDeclaration } from '@rapport/document-store';
import { problemsOfMail } from './strict-mail.js';
import type { MailSink, SunkMail } from '../ports/mail-sink.js';

/** One document per mail that came in, under a number that counts up; one that came before says how often. */
export const mailCollection: CollectionDeclaration<SunkMail> = {
  name: 'mail_sink',
  indexes: [
    { name: 'messageId', fields: ['messageId'] },
    { name: 'repeat', fields: ['repeat'] },
  ],
};

/** A mail that a strict reader would not take; 554 tells the sender that trying again is of no use. */
class MailMalformed extends Error {
  readonly responseCode = 554;

  constructor(problems: readonly string[]) {
    super(`the mail is malformed: ${problems.slice(0, 5).join('; ')}`);
  }
}

const maxMailBytes = 1 << 20;
const idOf = (number: number): string => String(number).padStart(12, '0');

/**
 * A mail server on loopback that keeps what it gets and sends nothing on, so that a laptop shows real messages. It is
 * stricter than most of the world: what RFC 5322, 2045 to 2047 or 8058 forbid it refuses. A bounded ring: beyond `keep` mails the oldest go.
 */
export class SmtpMailSink implements MailSink {
  readonly #server: SMTPServer;
  /** By Message-ID: copies of one mail one after the other, so that a repeat is seen. */
  readonly #filing = new Map<string, Promise<void>>();
  #next = 1;

  constructor(
    readonly collection: Collection<SunkMail>,
    readonly clock: Clock,
    readonly keep: number,
    readonly onRepeat: () => void,
  ) {
    this.#server = new SMTPServer({
      disabledCommands: ['AUTH', 'STARTTLS'],
      size: maxMailBytes,
      hideENHANCEDSTATUSCODES: false,
      logger: false,
      closeTimeout: 1000,
      onData: (stream, session, done) => {
        const recipients = session.envelope.rcptTo.map(({ address }) => address);
        this.#take(stream, recipients).then(
          () => done(null, 'kept'),
          (thrown: unknown) =>
            done(
              thrown instanceof MailMalformed
                ? thrown
                : new Error('the mail could not be kept; send it again'),
            ),
        );
      },
    });
    // A client that hangs up in the middle is its own affair.
    this.#server.on('error', () => undefined);
  }

  /** Listens on 127.0.0.1; answers the address to send to. */
  async listen(port: number): Promise<string> {
    const [last] = await this.collection.scan('_id', { reverse: true, limit: 1 });
    if (last) this.#next = Number(last.id) + 1;
    const listening = await new Promise<AddressInfo>((resolve, reject) => {
      const server = this.#server.listen(port, '127.0.0.1', () => resolve(server.address() as AddressInfo));
      server.once('error', reject);
    });
    return `smtp://127.0.0.1:${listening.port}/?ignoreTLS=true`;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    await Promise.all(this.#filing.values());
  }

  async listAfter(id: string | undefined, limit: number): Promise<readonly SunkMail[]> {
    const after = id === undefined ? {} : { after: { key: id, id } };
    return (await this.collection.scan('_id', { limit, ...after })).map(({ doc }) => doc);
  }

  async newest(limit: number): Promise<readonly SunkMail[]> {
    return (await this.collection.scan('_id', { reverse: true, limit })).map(({ doc }) => doc);
  }

  async repeats(): Promise<number> {
    return this.collection.count('repeat');
  }

  async #take(stream: Readable, recipients: readonly string[]): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const problems = problemsOfMail(raw);
    if (problems.length > 0) throw new MailMalformed(problems);
    const parsed = await PostalMime.parse(raw);
    const headers = Object.fromEntries(parsed.headers.map(({ key, value }) => [key, value]));
    const messageId = headers['x-rapport-message'] ?? parsed.messageId ?? '';
    const mail = {
      messageId,
      channel: 'email' as const,
      to: recipients.join(', '),
      subject: parsed.subject ?? '',
      text: parsed.text ?? '',
      ...(parsed.html === undefined ? {} : { html: parsed.html }),
      tactic: headers['x-rapport-tactic'] ?? '',
      at: new Date(this.clock.now()).toISOString(),
      headers,
    };
    const filed = (this.#filing.get(messageId) ?? Promise.resolve()).then(async () => this.#file(mail));
    const settled = filed
      .catch(() => undefined)
      .finally(() => {
        if (this.#filing.get(messageId) === settled) this.#filing.delete(messageId);
      });
    this.#filing.set(messageId, settled);
    await filed;
  }

  async #file(mail: Omit<SunkMail, 'id'>): Promise<void> {
    const before = await this.#copiesOf(mail.messageId);
    const counted = before === 0 ? mail : { ...mail, repeat: before };
    if (before > 0) this.onRepeat();
    for (;;) {
      const number = this.#next++;
      const id = idOf(number);
      const [result] = await this.collection.write([
        { id, doc: { id, ...counted }, expectedVersion: 0 },
        ...(number > this.keep ? [{ id: idOf(number - this.keep), remove: true as const }] : []),
      ]);
      // Otherwise another process took the number.
      if (result?.kind === 'written') return;
    }
  }

  async #copiesOf(messageId: string): Promise<number> {
    const copies = await this.collection.scan('messageId', { prefix: [messageId], limit: 1000 });
    return copies.length;
  }
}
