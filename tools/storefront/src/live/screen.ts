import type { ReportedLift } from '../doors/answers-read.js';
import type { ShownDecision } from './demo-shop.js';
import type { PlatformStatus } from './platform-status.js';

/** Everything that is on the screen at one moment. */
export interface Scene {
  readonly status: PlatformStatus;
  readonly tactics: readonly ReportedLift[];
  readonly recent: readonly ShownDecision[];
  /** What to call an address, and the address. */
  readonly addresses: readonly (readonly [name: string, address: string])[];
  readonly trouble: string | undefined;
}

/** Shown for a figure that the platform does not tell. */
const unknown = '–';
const gap = 2;

const whole = (value: number | undefined): string =>
  value === undefined ? unknown : Math.round(value).toLocaleString('en-US');
const ms = (value: number | undefined): string =>
  value === undefined ? unknown : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
const signed = (value: number | undefined): string =>
  value === undefined
    ? unknown
    : `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(Math.abs(value) < 10 ? 3 : 2)}`;

function uptime(seconds: number | undefined): string {
  if (seconds === undefined) return unknown;
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ] as const;
  return parts
    .slice(seconds >= 3600 ? 0 : seconds >= 60 ? 1 : 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** Cells under each other; the first column stands left, the others right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join(' '.repeat(gap))
      .trimEnd(),
  );
}

function figures({ status }: Scene): string[] {
  const { events, segments, decisions, messages } = status;
  const channels = Object.entries(messages.byChannel ?? {}).map(
    ([channel, count]) => `${channel} ${whole(count)}`,
  );
  return columns([
    [
      'Events',
      `in ${whole(events.received)}`,
      `accepted ${whole(events.accepted)}`,
      `${whole(events.perSecond)}/s`,
      `rejected ${whole(events.rejected)}`,
      `waiting ${whole(status.lag)}`,
    ],
    [
      'People',
      whole(status.people),
      `merges ${whole(status.merges)}`,
      '',
      `into segments ${whole(segments.entered)}`,
      `out ${whole(segments.left)}`,
    ],
    ['Decisions', whole(decisions.count), `p50 ${ms(decisions.p50Ms)}`, '', `p99 ${ms(decisions.p99Ms)}`, ''],
  ]).concat(`Messages   ${channels.length === 0 ? unknown : channels.join('   ')}`);
}

function lifts({ tactics }: Scene): string[] {
  const heading = ['Lift per person against the holdout', 'shown to', 'withheld', 'lift', '95 % interval'];
  const rows = tactics.map(({ tactic, treated, heldOut, lift, low, high }) => [
    `  ${tactic}`,
    whole(treated),
    whole(heldOut),
    signed(lift),
    low === undefined || high === undefined ? 'too few people yet' : `${signed(low)} … ${signed(high)}`,
  ]);
  return columns([heading, ...(rows.length === 0 ? [[`  ${unknown}`, '', '', '', '']] : rows)]);
}

/** What the platform calls the content that a page has for everybody. */
const fallback = 'fallback';

function tell({ who, placement, tactic, variant, heldOut }: ShownDecision): string {
  const nothing = heldOut ? 'nothing, to measure' : 'nothing';
  const shown = tactic === undefined || tactic === fallback ? nothing : `${tactic} (${variant ?? unknown})`;
  return `  ${who}, ${placement}: ${shown}`;
}

function links({ addresses }: Scene): string[] {
  const width = Math.max(0, ...addresses.map(([name]) => name.length));
  return addresses.map(([name, address]) => `${name.padEnd(width)}  ${address}`);
}

/** The screen, line by line. */
export function renderScreen(scene: Scene): string[] {
  return [
    `Rapport   up ${uptime(scene.status.uptimeSeconds)}`,
    '',
    ...figures(scene),
    '',
    ...lifts(scene),
    ...(scene.recent.length === 0 ? [] : ['', 'Just decided', ...scene.recent.slice(0, 4).map(tell)]),
    '',
    ...links(scene),
    ...(scene.trouble === undefined ? [] : ['', `! ${scene.trouble}`]),
    '',
    'Ctrl-C stops; the next start goes on from here.',
  ];
}

/** The same in one line, for where no terminal is. */
export function renderLine({ status, trouble }: Scene): string {
  const { events, decisions, messages, segments } = status;
  const channels = Object.entries(messages.byChannel ?? {}).map(
    ([channel, count]) => `${channel} ${whole(count)}`,
  );
  return [
    `events ${whole(events.accepted)} (${whole(events.perSecond)}/s)`,
    `rejected ${whole(events.rejected)}`,
    `people ${whole(status.people)}`,
    `merges ${whole(status.merges)}`,
    `segments +${whole(segments.entered)} −${whole(segments.left)}`,
    `decisions ${whole(decisions.count)} (p50 ${ms(decisions.p50Ms)}, p99 ${ms(decisions.p99Ms)})`,
    `messages ${channels.length === 0 ? unknown : channels.join(', ')}`,
    ...(trouble === undefined ? [] : [`! ${trouble}`]),
  ].join(' · ');
}
