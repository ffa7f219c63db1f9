import { readFileSync } from 'node:fs';

/** Linux counts a process's time in hundredths of a second (sysconf(_SC_CLK_TCK) on every common system). */
const ticksPerSecond = 100;

/** Processor seconds that a process has taken so far, all of its threads; undefined where /proc does not tell. */
function cpuSeconds(pid: number): number | undefined {
  try {
    // Fields after the name, which may hold blanks: proc(5) numbers utime 14 and stime 15, counted from 1.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return undefined;
  }
}

/** All processor time since the start of the machine, and of it what the host gave to others (steal); undefined without /proc. */
function machineTicks(): { readonly all: number; readonly stolen: number } | undefined {
  try {
    // proc(5): user nice system idle iowait irq softirq steal.
    const ticks = (/^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '')
      .split(' ')
      .slice(0, 8)
      .map(Number);
    return { all: ticks.reduce((sum, one) => sum + one, 0), stolen: ticks[7] ?? 0 };
  } catch {
    return undefined;
  }
}

export interface Watched<T> {
  readonly result: T;
  /** How many cores the process kept busy, on average. */
  readonly cores: number | undefined;
  /** The share of the machine's processor time that its host gave to others meanwhile. */
  readonly stolen: number | undefined;
}

/** Does something and tells what processor time it had. */
export async function withCpu<T>(pid: number, work: () => Promise<T>): Promise<Watched<T>> {
  const before = cpuSeconds(pid);
  const machineBefore = machineTicks();
  const began = performance.now();
  const result = await work();
  const after = cpuSeconds(pid);
  const machineAfter = machineTicks();
  const seconds = (performance.now() - began) / 1000;
  return {
    result,
    cores: before === undefined || after === undefined ? undefined : (after - before) / seconds,
    stolen:
      machineBefore === undefined || machineAfter === undefined
        ? undefined
        : (machineAfter.stolen - machineBefore.stolen) / (machineAfter.all - machineBefore.all),
  };
}

/** A share of stolen time below which a latency is the program's own. */
const littleStolen = 0.02;
const mostRounds = 5;

/**
 * Repeats a measurement until its host left the machine alone, five times at most, and answers the round from which
 * the least was taken. What is kept does not depend on what was measured.
 */
export async function undisturbed<T>(
  pid: number,
  work: (round: number) => Promise<T>,
): Promise<Watched<T> & { readonly rounds: number }> {
  let best: Watched<T> | undefined;
  for (let round = 1; ; round++) {
    const now = await withCpu(pid, async () => await work(round));
    if (best === undefined || (now.stolen ?? 0) < (best.stolen ?? 0)) best = now;
    if ((best.stolen ?? 0) <= littleStolen || round === mostRounds) return { ...best, rounds: round };
  }
}
