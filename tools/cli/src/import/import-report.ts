import Table from 'cli-table3';
import type { ImportResult } from './run-import.js';
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
    sendSeconds: result.sendMs / 1000,
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
  const table = new Table({
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right', 'right'],
    head: ['lines of the file', 'lines', 'events', 'first line'],
  });
  for (const entry of account.used())
    table.push([entry.what, grouped(entry.lines), grouped(entry.events), grouped(entry.firstLine)]);
  for (const entry of account.refused())
    table.push([`refused – ${entry.what}`, grouped(entry.lines), '', grouped(entry.firstLine)]);
  table.push(['read', grouped(scan.lines), grouped(account.events()), '']);
  const seconds = result.sendMs / 1000;
  const sent = account.events() - account.earlierEvents;
  const rate = seconds > 0 ? `, ${grouped(Math.round(sent / seconds))} events/s` : '';
  const balance = `${grouped(scan.lines)} lines read = ${grouped(account.linesUsed())} used + ${grouped(account.linesRefused())} refused`;
  return [
    `${file}: ${grouped(sent)} events acknowledged in ${seconds.toFixed(1)} s${rate}${result.settleMs === undefined ? '' : `, worked in ${(result.settleMs / 1000).toFixed(1)} s later`}`,
    ...(account.earlierEvents > 0
      ? [`${grouped(account.earlierEvents)} events were acknowledged by an earlier run and not sent again`]
      : []),
    table.toString(),
    isBalanced(result) ? balance : `NOT BALANCED: ${balance}. This is a bug: no line may be lost.`,
  ].join('\n');
}
