import { Presets, SingleBar } from 'cli-progress';
import type { Terminal } from '../terminal.js';

/** Shows how far an import is. */
export interface ProgressDisplay {
  /** `done` lines are accounted for, `skipped` of them by an earlier run; `events` were sent. */
  update(done: number, skipped: number, events: number): void;
  stop(): void;
}

/** Where nobody watches, a line this often. */
const lineEveryMs = 5_000;

/** A bar with rate and time left for people, a line every few seconds for logs, nothing where the answer is JSON. */
export function createProgressDisplay(total: number, terminal: Terminal, quiet: boolean): ProgressDisplay {
  if (quiet) return { update: () => undefined, stop: () => undefined };
  const startedMs = performance.now();
  const said = (
    done: number,
    skipped: number,
    events: number,
  ): { rate: string; left: string; events: string } => {
    const seconds = (performance.now() - startedMs) / 1000;
    const rate = seconds > 0 ? (done - skipped) / seconds : 0;
    return {
      rate: `${grouped(Math.round(rate))} lines/s`,
      left: rate > 0 ? `${duration((total - done) / rate)} left` : 'time left unknown',
      events: `${grouped(events)} events`,
    };
  };
  return terminal.interactive ? bar(total, said) : lines(total, said, terminal);
}

type Said = (done: number, skipped: number, events: number) => { rate: string; left: string; events: string };

function bar(total: number, said: Said): ProgressDisplay {
  const shown = new SingleBar(
    {
      format: '{bar} {percentage} % | {value} of {total} lines | {events} | {rate} | {left}',
      formatValue: (value, _options, type) =>
        type === 'value' || type === 'total' ? grouped(value) : String(value),
      hideCursor: true,
      clearOnComplete: false,
      fps: 5,
    },
    Presets.shades_classic,
  );
  shown.start(total, 0, said(0, 0, 0));
  return {
    update: (done, skipped, events) => shown.update(done, said(done, skipped, events)),
    stop: () => shown.stop(),
  };
}

function lines(total: number, said: Said, terminal: Terminal): ProgressDisplay {
  let nextMs = performance.now() + lineEveryMs;
  return {
    update: (done, skipped, events) => {
      if (performance.now() < nextMs) return;
      nextMs = performance.now() + lineEveryMs;
      const { rate, left, events: sent } = said(done, skipped, events);
      terminal.err(
        `${Math.floor((100 * done) / Math.max(1, total))} % | ${grouped(done)} of ${grouped(total)} lines | ${sent} | ${rate} | ${left}`,
      );
    },
    stop: () => undefined,
  };
}

/** 541909 → 541,909. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** 95 → 1 min 35 s. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${whole % 60} s`
    : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
