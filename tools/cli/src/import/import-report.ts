import type { ImportResult } from './run-import.js';
import { tableOf } from '../table.js';
import { grouped } from './progress-display.js';

/** What `import` answers as JSON. */
export function reportJson(result: ImportResult, file: string, format: string, source: string): object {
  const { account, scan } = result;
  return {
    file,
    format,
    source,
    digest: scan.digest,
    linesRead: scan.lines,
    linesUsed: account.linesUsed(),
    linesRefused: account.linesRefused(),
    balanced: isBalanced(result),
    events: account.events(),
    eventsFromEarlierRun: account.earlierEvents,
    used: account.used(),
    refused: account.refused(),
    ...(result.sendMs === undefined ? {} : { sendSeconds: result.sendMs / 1000 }),
    ...(result.settleMs === undefined ? {} : { settleSeconds: result.settleMs / 1000 }),
  };
}

/** lines read = lines used + lines refused. */
export function isBalanced({ account, scan }: ImportResult): boolean {
  return scan.lines === account.linesUsed() + account.linesRefused();
}

/** The same for people. */
export function reportText(result: ImportResult, file: string): string {
  const { account, scan } = result;
  const rows = [
    ...account
      .used()
      .map(({ what, lines, events, firstLine }) => [
        what,
        grouped(lines),
        grouped(events),
        grouped(firstLine),
      ]),
    ...account
      .refused()
      .map(({ what, lines, firstLine }) => [`refused – ${what}`, grouped(lines), '', grouped(firstLine)]),
    ['all', grouped(scan.lines), grouped(account.events()), ''],
  ];
  const right = { align: 'right' } as const;
  const table = tableOf(['lines of the file', 'lines', 'events', 'first line'], rows, [
    {},
    right,
    right,
    right,
  ]);
  const balance = `${grouped(scan.lines)} lines read = ${grouped(account.linesUsed())} used + ${grouped(account.linesRefused())} refused`;
  return [
    `${file}: ${pace(result)}`,
    ...(account.earlierEvents > 0
      ? [`${grouped(account.earlierEvents)} events were acknowledged by an earlier run and not sent again`]
      : []),
    table,
    isBalanced(result) ? balance : `NOT BALANCED: ${balance}. This is a bug: no line may be lost.`,
  ].join('\n');
}

function pace({ account, sendMs, settleMs }: ImportResult): string {
  if (sendMs === undefined) return `looked over only, ${grouped(account.events())} events would be sent`;
  const sent = account.events() - account.earlierEvents;
  const rate = sendMs > 0 ? `, ${grouped(Math.round((sent * 1000) / sendMs))} events/s` : '';
  const later = settleMs === undefined ? '' : `, worked in ${(settleMs / 1000).toFixed(1)} s later`;
  return `${grouped(sent)} events acknowledged in ${(sendMs / 1000).toFixed(1)} s${rate}${later}`;
}
