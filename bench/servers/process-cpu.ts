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

/** Does something and tells how many cores a process kept busy meanwhile, on average. */
export async function withCpu<T>(
  pid: number,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly cores: number | undefined }> {
  const before = cpuSeconds(pid);
  const began = performance.now();
  const result = await work();
  const after = cpuSeconds(pid);
  const seconds = (performance.now() - began) / 1000;
  return {
    result,
    cores: before === undefined || after === undefined ? undefined : (after - before) / seconds,
  };
}
