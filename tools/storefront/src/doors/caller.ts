import type { AskAct } from '../domain/acts.js';

/** As whom a page asks: by the account where the device is logged in, else by the device. */
export function callerOf(ask: AskAct): string {
  const { person, loggedIn, device } = ask.caller;
  return loggedIn && person.userId !== undefined ? `user_id:${person.userId}` : `anonymous_id:${device}`;
}
