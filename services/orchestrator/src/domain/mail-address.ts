import isEmail from 'validator/lib/isEmail.js';

/** RFC 5321 as mail servers take it: one address without a name, ASCII before the @ (all else needs SMTPUTF8 on the way). */
const options = { allow_utf8_local_part: false, require_tld: false };

/** Whether a text is exactly one address to which mail can be sent. */
export const isMailAddress = (text: string): boolean => isEmail.default(text, options);

/**
 * One spelling for all ways to write the same mailbox: lower case, the domain in ASCII. Servers may tell `Ada` from
 * `ada` before the @ (RFC 5321, 2.4) and in practice none does; who unsubscribed with one spelling meant both.
 */
export function mailboxOf(address: string): string {
  const at = address.lastIndexOf('@');
  const domain = address.slice(at + 1).toLowerCase();
  return `${address.slice(0, at).toLowerCase()}@${asciiOf(domain)}`;
}

function asciiOf(domain: string): string {
  try {
    return new URL(`http://${domain}`).hostname;
  } catch {
    return domain;
  }
}
