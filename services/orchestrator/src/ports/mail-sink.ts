/** A mail that the platform sent to itself. */
export interface SunkMail {
  /** Counts up; what came later is greater. */
  readonly id: string;
  readonly messageId: string;
  readonly channel: 'email';
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
  readonly tactic: string;
  /** When it came in, ISO 8601. */
  readonly at: string;
  /** How often the same Message-ID had come in before; absent for the first. */
  readonly repeat?: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The mails that were sent to the local sink. */
export interface MailSink {
  /** Those after an id, oldest first. */
  listAfter(id: string | undefined, limit: number): Promise<readonly SunkMail[]>;
  /** The newest, newest first. */
  newest(limit: number): Promise<readonly SunkMail[]>;
  /** How many of the mails it has are repeats. */
  repeats(): Promise<number>;
}
