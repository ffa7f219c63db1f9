import Table from 'cli-table3';

/** How a column stands and how wide it may become. */
export interface ColumnStyle {
  readonly align?: 'left' | 'right';
  /** Longer cells are wrapped. */
  readonly width?: number;
}

/** A table of text without rules between its rows. */
export function tableOf(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns: readonly ColumnStyle[] = [],
): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true },
    colAligns: head.map((_, index) => columns[index]?.align ?? 'left'),
    colWidths: head.map((_, index) => columns[index]?.width ?? null),
    wordWrap: columns.some(({ width }) => width !== undefined),
  });
  for (const row of rows) table.push([...row]);
  return table.toString();
}
