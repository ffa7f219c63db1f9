import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net';

/** How the next mail or webhook is received. */
export const moods = [
  ...['kind', 'kind', 'kind', 'busy', 'refuse', 'hang up', 'silent', 'noise', 'late', 'huge', 'odd'],
] as const;
export type Mood = (typeof moods)[number];

const silentForMs = 1_500;

/** A mail server and a receiver of webhooks that are seldom as they should be. */
export class RudeReceivers {
  readonly #next: Mood[] = [];
  readonly #smtp: Server = createTcp((socket) => this.#greet(socket));
  readonly #http = createHttp((request, response) => this.#receive(request, response));
  readonly #links = new Set<string>();
  #isKind = false;

  /** Where they listen. */
  async listen(): Promise<{ readonly smtpUrl: string; readonly webhookUrl: string }> {
    const ports = await Promise.all(
      [this.#smtp, this.#http].map(
        (server) =>
          new Promise<number>((resolve) =>
            server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
          ),
      ),
    );
    return {
      smtpUrl: `smtp://127.0.0.1:${ports[0] ?? 0}/?ignoreTLS=true`,
      webhookUrl: `http://127.0.0.1:${ports[1] ?? 0}/hooks`,
    };
  }

  /** The moods of the next ones; without any they are kind. */
  expect(next: readonly Mood[]): void {
    this.#next.push(...next);
    this.#next.splice(0, this.#next.length - 50);
  }

  /** Paths of unsubscribe links in mails that came, the newest hundred. */
  get links(): readonly string[] {
    return [...this.#links];
  }

  /** From now on everything is taken. */
  beKind(): void {
    this.#isKind = true;
  }

  close(): void {
    this.#smtp.close();
    this.#http.close();
    this.#http.closeAllConnections();
  }

  #mood(): Mood {
    return this.#isKind ? 'kind' : (this.#next.shift() ?? 'kind');
  }

  #greet(socket: Socket): void {
    socket.on('error', () => undefined);
    socket.setTimeout(20_000, () => socket.destroy());
    const mood = this.#mood();
    if (mood === 'hang up') return void socket.destroy();
    if (mood === 'noise') return void socket.end(Buffer.from([0, 255, 10, 13, 10]));
    if (mood === 'silent') return void setTimeout(() => socket.destroy(), silentForMs).unref();
    socket.write(mood === 'odd' ? '220-a\r\n220-b\r\n220 c\r\n' : '220 rude\r\n');
    const conversation = new Conversation(
      mood,
      (text) => socket.write(text),
      (mail) => this.#note(mail),
    );
    socket.on('data', (chunk: Buffer) => {
      if (!conversation.hear(chunk.toString('latin1'))) socket.destroy();
    });
  }

  #note(mail: string): void {
    const path = /List-Unsubscribe: <https?:\/\/[^/]+(\/[^>]+)>/i.exec(mail)?.[1];
    if (path !== undefined) this.#links.add(path);
    for (const link of this.#links) if (this.#links.size > 100) this.#links.delete(link);
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    response.on('error', () => undefined);
    switch (this.#mood()) {
      case 'busy':
        response.writeHead(503, { 'retry-after': 'soon' }).end();
        return;
      case 'refuse':
        response.writeHead(400).end('no');
        return;
      case 'hang up':
        request.socket.destroy();
        return;
      case 'silent':
        setTimeout(() => response.destroy(), silentForMs).unref();
        return;
      case 'noise':
        request.socket.end('HTTP/1.1 abc\r\n\r\n');
        return;
      case 'late':
        setTimeout(() => response.writeHead(200).end(), 300).unref();
        return;
      case 'huge':
        response.writeHead(200);
        response.end(Buffer.alloc(4 << 20, 'x'));
        return;
      case 'odd':
        response.writeHead(302, { location: '/hooks' }).end();
        return;
      default:
        response.writeHead(204).end();
    }
  }
}

/** One SMTP conversation; `hear` answers false when it is to be broken off. */
class Conversation {
  #buffered = '';
  #isData = false;

  constructor(
    private readonly mood: Mood,
    private readonly say: (text: string) => void,
    private readonly onMail: (mail: string) => void,
  ) {}

  hear(text: string): boolean {
    this.#buffered += text;
    for (;;) {
      const end = this.#isData ? '\r\n.\r\n' : '\r\n';
      const at = this.#buffered.indexOf(end);
      if (at < 0) return this.#buffered.length < 4 << 20;
      const line = this.#buffered.slice(0, at);
      this.#buffered = this.#buffered.slice(at + end.length);
      if (!(this.#isData ? this.#mail(line) : this.#command(line))) return false;
    }
  }

  #mail(mail: string): boolean {
    this.#isData = false;
    // Taken, and then not acknowledged: the sender cannot know.
    if (this.mood === 'late') return false;
    if (this.mood === 'busy') this.say('451 later\r\n');
    else if (this.mood === 'huge') this.say(`250 ${'x'.repeat(100_000)}\r\n`);
    else this.say('250 taken\r\n');
    this.onMail(mail);
    return true;
  }

  #command(line: string): boolean {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'QUIT') {
      this.say('221 bye\r\n');
      return false;
    }
    if (verb === 'RCPT' && this.mood === 'refuse') this.say('550 nobody here\r\n');
    else if (verb === 'DATA') {
      this.#isData = true;
      this.say('354 go\r\n');
    } else this.say('250 yes\r\n');
    return true;
  }
}
