import type { Caller, Said } from './shop-events.js';

export const dayMs = 86_400_000;
/** What the shop calls a month. */
export const monthMs = 30 * dayMs;

/** Kinds of page that have room for something to be shown. */
export type PageKind = 'home' | 'product' | 'cart';

/** Something that a person is going to say. */
export interface CallAct {
  readonly kind: 'call';
  readonly atMs: number;
  readonly caller: Caller;
  readonly said: Said;
  readonly messageId: string;
  /** Whether marketing is allowed at that moment, as far as the plan knows. */
  readonly marketing: boolean;
}

/** A page that asks what to show. */
export interface AskAct {
  readonly kind: 'ask';
  readonly atMs: number;
  readonly caller: Caller;
  readonly page: PageKind;
  /** What the page knows: path, product in view. */
  readonly context: Readonly<Record<string, string>>;
}

export type Act = CallAct | AskAct;

/** The order in which a shop's acts happen: by instant, then by person; one person's stay as they were planned. */
export function inOrder(acts: readonly Act[]): Act[] {
  return [...acts].sort((a, b) => a.atMs - b.atMs || a.caller.person.index - b.caller.person.index);
}
