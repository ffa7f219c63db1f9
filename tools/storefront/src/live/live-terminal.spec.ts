import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { pause } from '../doors/platform-door.js';
import { startLiveTerminal } from './live-terminal.js';
import { readStatus } from './platform-status.js';
import { renderLine, renderScreen, type Scene } from './screen.js';

const full = readStatus({
  uptimeSeconds: 3_725,
  events: { received: 12_481, accepted: 12_471, rejected: 10, perSecond: 38.2 },
  people: 5_013,
  merges: 212,
  segments: { entered: 1_204, left: 377 },
  decisions: { count: 3_320, p50Ms: 1.234, p99Ms: 12.6 },
  messages: { byChannel: { on_site: 1_020, email: 133 } },
  lag: 3,
});
const scene: Scene = {
  status: full,
  tactics: [
    { tactic: 'third_look', treated: 812, heldOut: 91, lift: 0.1234, low: -0.05, high: 0.3 },
    { tactic: 'come_back', treated: 3, heldOut: 0 },
  ],
  recent: [
    {
      who: 'Ada in Berlin',
      placement: 'home_hero',
      decisionId: 'd1',
      tactic: undefined,
      variant: undefined,
      heldOut: true,
    },
  ],
  addresses: [['Console', 'http://127.0.0.1:8080/']],
  trouble: undefined,
};

describe('the screen', () => {
  it('shows every figure that the platform tells', () => {
    const text = renderScreen(scene).join('\n');
    for (const part of [
      'up 1 h 2 min 5 s',
      'in 12,481',
      'accepted 12,471',
      '38/s',
      'rejected 10',
      '5,013',
      'merges 212',
      'p50 1.2 ms',
      'p99 13 ms',
      'on_site 1,020',
      'email 133',
      '+0.123',
      '−0.050 … +0.300',
      'too few people yet',
      'Ada in Berlin, home_hero: nothing, to measure',
      'http://127.0.0.1:8080/',
    ]) {
      expect(text).toContain(part);
    }
  });

  it('shows a dash for what is missing or of another kind', () => {
    const bare = {
      ...scene,
      status: readStatus({ people: 'many', events: { accepted: 5 }, decisions: 7 }),
      tactics: [],
      recent: [],
    };
    const text = renderScreen(bare).join('\n');
    expect(text).toMatch(/People +– +merges –/);
    expect(text).toMatch(/accepted 5/);
    expect(text).toContain('Messages   –');
    expect(renderLine(bare)).toContain('decisions – (p50 –, p99 –)');
    expect(readStatus('nonsense')).toEqual(readStatus({}));
  });

  it('says the same in one line', () => {
    expect(renderLine({ ...scene, trouble: 'no answer' })).toBe(
      'events 12,471 (38/s) · rejected 10 · people 5,013 · merges 212 · segments +1,204 −377 · decisions 3,320 (p50 1.2 ms, p99 13 ms) · messages on_site 1,020, email 133 · ! no answer',
    );
  });
});

describe('the live terminal', () => {
  let server: Server | undefined;
  afterEach(async () => {
    const running = server;
    if (running !== undefined) await new Promise((closed) => running.close(closed));
    server = undefined;
  });

  /** Answers as a platform does; counts up, so that each look differs. */
  async function listen(): Promise<string> {
    let looks = 0;
    server = createServer((request, response) => {
      response.setHeader('content-type', 'application/json').setHeader('connection', 'close');
      if (request.headers.authorization !== 'Bearer secret') response.writeHead(401);
      response.end(
        JSON.stringify(
          request.url === '/v1/status' ? { events: { accepted: 1_000 * ++looks } } : { tactics: [] },
        ),
      );
    });
    const listening = server;
    await new Promise<void>((ready) => listening.listen(0, '127.0.0.1', ready));
    return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
  }

  const written: string[] = [];
  const run = async (httpUrl: string, isTTY: boolean): Promise<string> => {
    written.length = 0;
    const terminal = startLiveTerminal({
      httpUrl,
      apiToken: 'secret',
      addresses: [['Console', httpUrl]],
      output: { isTTY, columns: 100, rows: 40, write: (text: string) => written.push(text) },
      everyMs: 60,
    });
    // Three looks, however long a busy machine takes for them.
    for (let waits = 0; written.filter((text) => text.includes('\n')).length < 3 && waits < 500; waits++)
      await pause(20);
    await terminal.stop();
    return written.join('');
  };

  it('redraws one screen in place on a terminal and gives the cursor back', async () => {
    const text = await run(await listen(), true);
    const height = (written[1] ?? '').split('\n').length - 1;
    expect(text.startsWith('\x1b[?25l')).toBe(true);
    expect(text).toContain(`\x1b[${height}A`);
    expect(text).toContain('accepted 2,000');
    expect(text.endsWith('\x1b[?25h')).toBe(true);
  });

  it('writes plain lines elsewhere, with the rate measured between two looks', async () => {
    const text = await run(await listen(), false);
    expect(text).not.toContain('\x1b');
    const lines = text.trim().split('\n');
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.at(-1)).toMatch(/events \d,000 \([\d,]+\/s\)/);
  });

  it('goes on when the platform does not answer, and says so', async () => {
    const text = await run('http://127.0.0.1:9', false);
    expect(text).toMatch(/events – .* ! GET http:\/\/127\.0\.0\.1:9\/v1\/status: .*ECONNREFUSED/);
  });
});
