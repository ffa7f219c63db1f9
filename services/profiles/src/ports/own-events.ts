import type { Identifier } from '@rapport/kernel';

/** Events that this room itself sends through the front door. */
export interface OwnEvents {
  /** Records a consent choice as an event of the person's; answers its message id. Throws when it is refused. */
  recordConsent(choice: {
    readonly identifiers: readonly Identifier[];
    readonly purpose: string;
    readonly granted: boolean;
    readonly source: string;
  }): Promise<string>;
}
