import { afterEach, describe, expect, it } from '@jest/globals';
import { systemClock, VirtualClock } from '@rapport/kernel';
import { DueTimers } from './due-timers.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const open: DueTimers[] = [];
afterEach(async () => {
  for (const timers of open.splice(0)) await timers.stop();
});

/** Timers over a list of dues that a test keeps. */
function timersOver(dues: number[], more: { failures?: number; clock?: VirtualClock } = {}) {
  const fired: { partition: number; dueMs: number; lateMs: number }[] = [];
  let failures = more.failures ?? 0;
  const clock = more.clock ?? systemClock;
  const timers = new DueTimers({
    clock,
    nextDue: async () => Promise.resolve(dues.length === 0 ? undefined : Math.min(...dues)),
    fire: async (partition, untilMs) => {
      if (failures-- > 0) throw new Error('not now');
      const due = dues.filter((dueMs) => dueMs <= untilMs);
      for (const dueMs of due) {
        dues.splice(dues.indexOf(dueMs), 1);
        fired.push({ partition, dueMs, lateMs: clock.now() - dueMs });
      }
      return Promise.resolve(due.length);
    },
    onFailure: () => undefined,
  });
  open.push(timers);
  return { timers, fired };
}

describe('due timers', () => {
  it('fire when something is due, also when it became so after something later was known', async () => {
    const now = Date.now();
    const dues = [now + 300];
    const { timers, fired } = timersOver(dues);
    await timers.take(2);
    dues.push(now + 60);
    timers.note(2, now + 60);
    await pause(600);
    expect(fired.map(({ dueMs }) => dueMs - now)).toEqual([60, 300]);
    expect(fired.every(({ lateMs }) => lateMs >= 0)).toBe(true);
  });

  it('try again after a failure', async () => {
    const { timers, fired } = timersOver([Date.now() - 5], { failures: 1 });
    await timers.take(0);
    await pause(1_400);
    expect(fired).toHaveLength(1);
  });

  it('leave partitions alone that are not ours', async () => {
    const { timers, fired } = timersOver([Date.now() - 5]);
    timers.note(1, 0);
    await timers.take(1);
    timers.drop(1);
    await pause(50);
    expect(fired).toEqual([]);
  });

  it('wait in virtual time until they are told', async () => {
    const clock = new VirtualClock(1_000);
    const { timers, fired } = timersOver([1_500], { clock });
    await timers.take(0);
    expect(await timers.fireAll()).toBe(0);
    clock.advanceTo(2_000);
    expect(await timers.fireAll()).toBe(1);
    expect(fired).toEqual([{ partition: 0, dueMs: 1_500, lateMs: 500 }]);
  });
});
