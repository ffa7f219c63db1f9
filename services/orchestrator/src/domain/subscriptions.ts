import type { Person } from './person.js';
import { purposeOf, type Tactic } from './tactics.js';

/**
 * What one mailbox refused, by purpose: the instant of the newest refusal by anyone who has it. Only the greatest is
 * kept, so the order in which refusals come in changes nothing.
 */
export type Refusals = Readonly<Record<string, number>>;

export const noRefusals: Refusals = {};

/** Both together. */
export function mergeRefusals(one: Refusals, other: Refusals): Refusals {
  const merged: Record<string, number> = { ...one };
  for (const [purpose, atMs] of Object.entries(other)) {
    if (atMs > (merged[purpose] ?? -Infinity)) merged[purpose] = atMs;
  }
  return merged;
}

/** The refusals that somebody chose; what a device merely carries is about the device, not the mailbox. */
export function refusalsChosen(
  consent: Readonly<
    Record<string, { readonly granted: boolean; readonly at: string; readonly chosen?: boolean }>
  >,
): Refusals {
  const chosen: Record<string, number> = {};
  for (const [purpose, choice] of Object.entries(consent)) {
    if (!choice.granted && choice.chosen === true) chosen[purpose] = Date.parse(choice.at);
  }
  return chosen;
}

/**
 * Why a tactic must not be sent to a person; undefined when it may. A tactic with `consent` needs a yes; one without
 * goes to whoever did not say no to the purpose that its unsubscribe link names. A mailbox that refused is written to
 * again only for somebody who chose yes after the refusal.
 */
export function refusalBySubscription(
  tactic: Tactic,
  person: Person,
  refusals: Refusals = noRefusals,
): string | undefined {
  const purpose = purposeOf(tactic);
  const granted = person.consent[purpose];
  if (tactic.definition.consent !== undefined && granted !== true) {
    return `consent to ${purpose} ${granted === false ? 'was refused' : 'was never given'}`;
  }
  if (tactic.channelKind !== 'email') return undefined;
  if (granted === false) return `unsubscribed from ${purpose}`;
  const refusedMs = refusals[purpose];
  if (refusedMs === undefined) return undefined;
  const grantedMs = granted === true ? person.chosenAtMs[purpose] : undefined;
  if (grantedMs !== undefined && grantedMs > refusedMs) return undefined;
  return `its address unsubscribed from ${purpose} at ${new Date(refusedMs).toISOString()}`;
}
