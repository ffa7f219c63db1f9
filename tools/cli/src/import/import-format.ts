/** An event as it goes through the front door. */
export interface ImportEvent {
  readonly type: string;
  /** The same for the same content of the same file, whatever happens: a repeat is recognised by it. */
  readonly messageId: string;
  readonly [field: string]: unknown;
}

/** Lines of the file that become one event together. */
export interface EventUnit {
  readonly kind: 'event';
  readonly event: ImportEvent;
  /** How the event is called in the account. */
  readonly name: string;
  /** How many lines went into it. */
  readonly lines: number;
  /** Number of the first of them, from 1. */
  readonly firstLine: number;
}

/** Lines that become nothing, and why. */
export interface RefusedUnit {
  readonly kind: 'refused';
  readonly reason: string;
  readonly lines: number;
  readonly firstLine: number;
}

export type ImportUnit = EventUnit | RefusedUnit;

/** What is known of a file before its events are read. */
export interface FileScan {
  /** SHA-256 of the file as it lies there, hexadecimal. */
  readonly digest: string;
  /** Lines with content, without a heading. */
  readonly lines: number;
}

/** A kind of file: looked over once, then read unit by unit in an order that depends on the file alone. */
export interface ImportFormat {
  readonly name: string;
  open(path: string): Promise<ImportFile>;
}

/** A file that was looked over. */
export interface ImportFile {
  readonly scan: FileScan;
  units(): AsyncIterable<ImportUnit>;
}
