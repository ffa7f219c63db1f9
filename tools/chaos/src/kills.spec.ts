import { describe, expect, it } from '@jest/globals';
import { Kills } from './kills.js';

interface OneProcess {
  readonly name: string;
  pid: number | undefined;
  readonly signals: NodeJS.Signals[];
  signal(signal: NodeJS.Signals): void;
}

function aProcess(pid?: number): OneProcess {
  const signals: NodeJS.Signals[] = [];
  return { name: 'profiles-1', pid, signals, signal: (signal) => void signals.push(signal) };
}

const ignore = (): void => undefined;

describe('kills', () => {
  it('kill a process that runs at once, told before', () => {
    const [kills, one] = [new Kills(0), aProcess(7)];
    const told: (number | undefined)[] = [];
    kills.kill(
      'profiles',
      0.5,
      () => [one],
      ({ pid }) => told.push(pid),
    );
    expect(one.signals).toEqual(['SIGKILL']);
    expect(told).toEqual([7]);
    expect(kills.inflicted).toBe(1);
  });

  it('wait for a victim that is just being started again', async () => {
    const [kills, one] = [new Kills(5_000), aProcess()];
    kills.kill('profiles', 0, () => [one], ignore);
    expect(kills.inflicted).toBe(0);
    one.pid = 8;
    await kills.settled();
    expect(one.signals).toEqual(['SIGKILL']);
    expect(kills.inflicted).toBe(1);
    expect(kills.missed).toEqual([]);
  });

  it('do not count a process twice whose end is not known yet', async () => {
    const [kills, one] = [new Kills(60), aProcess(7)];
    kills.kill('profiles', 0, () => [one], ignore);
    kills.kill('profiles', 0, () => [one], ignore);
    await kills.settled();
    expect(one.signals).toEqual(['SIGKILL']);
    expect(kills.inflicted).toBe(1);
    expect(kills.missed).toHaveLength(1);
  });

  it('say which could not be inflicted', async () => {
    const kills = new Kills(60);
    kills.kill('profiles', 0, () => [aProcess()], ignore);
    await kills.settled();
    expect(kills.inflicted).toBe(0);
    expect(kills.missed).toEqual(['kill of profiles: no process of it ran for 60 ms']);
  });
});
