import { describe, expect, it } from '@jest/globals';
import type { SinkRecord } from '../ports/event-sink.js';
import { AppendQueue, type Appending } from './append-events.js';

/** A sink whose appends end when the test says so. */
function heldSink() {
  const appends: {
    accepted: readonly SinkRecord[];
    rejected: readonly SinkRecord[];
    end: () => void;
    fail: (cause: Error) => void;
  }[] = [];
  return {
    appends,
    append: (accepted: readonly SinkRecord[], rejected: readonly SinkRecord[]) =>
      new Promise<void>(
        (resolve, reject) => void appends.push({ accepted, rejected, end: resolve, fail: reject }),
      ),
  };
}

const record = (key: string): SinkRecord => ({ key, value: Buffer.from(key), headers: {}, timestampMs: 0 });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function waiting(heard: string[], name: string): Appending {
  return {
    durable: () => void heard.push(`${name} durable`),
    failed: () => void heard.push(`${name} failed`),
  };
}

describe('the append queue', () => {
  it('appends what comes in one turn together, and tells each only when it is durable', async () => {
    const sink = heldSink();
    const queue = new AppendQueue(sink, 2, () => 0);
    const heard: string[] = [];
    queue.add([record('a')], [], waiting(heard, 'first'));
    queue.add([record('b')], [record('r')], waiting(heard, 'second'));
    await turn();
    expect(sink.appends).toHaveLength(1);
    expect(sink.appends[0]?.accepted.map(({ key }) => key)).toEqual(['a', 'b']);
    expect(sink.appends[0]?.rejected.map(({ key }) => key)).toEqual(['r']);
    expect(heard).toEqual([]);
    sink.appends[0]?.end();
    await queue.idle();
    expect(heard).toEqual(['first durable', 'second durable']);
  });

  it('keeps no more on their way than allowed, and gathers the rest in order', async () => {
    const sink = heldSink();
    const queue = new AppendQueue(sink, 1, () => 0);
    const heard: string[] = [];
    queue.add([record('a')], [], waiting(heard, 'a'));
    await turn();
    for (const key of ['b', 'c', 'd']) {
      queue.add([record(key)], [], waiting(heard, key));
      await turn();
    }
    expect(sink.appends).toHaveLength(1);
    sink.appends[0]?.end();
    await turn();
    await turn();
    expect(sink.appends[1]?.accepted.map(({ key }) => key)).toEqual(['b', 'c', 'd']);
    sink.appends[1]?.end();
    await queue.idle();
    expect(heard).toEqual(['a', 'b', 'c', 'd'].map((key) => `${key} durable`));
  });

  it('fails exactly those whose append failed', async () => {
    const sink = heldSink();
    const queue = new AppendQueue(sink, 2, () => 0);
    const heard: string[] = [];
    queue.add([record('a')], [], waiting(heard, 'a'));
    await turn();
    queue.add([record('b')], [], waiting(heard, 'b'));
    await turn();
    sink.appends[0]?.fail(new Error('disk full'));
    sink.appends[1]?.end();
    await queue.idle();
    expect(heard.sort()).toEqual(['a failed', 'b durable']);
  });

  it('knows how far behind the log is', async () => {
    let nowMs = 1000;
    const sink = heldSink();
    const queue = new AppendQueue(sink, 2, () => nowMs);
    expect(queue.oldestMs()).toBe(0);
    queue.add([record('a')], [], waiting([], 'a'));
    await turn();
    nowMs = 4500;
    expect(queue.oldestMs()).toBe(3500);
    sink.appends[0]?.end();
    await queue.idle();
    expect(queue.oldestMs()).toBe(0);
  });
});
