import { PlatformDoor } from '@rapport/storefront';
import type { Door } from '../door.js';

/** Mails that only one of two platforms sent, as far as they are still kept. */
export async function mailsApart(one: Door, other: Door, longest: number): Promise<readonly string[]> {
  const [here, there] = [await mailsOf(one), await mailsOf(other)];
  return [
    ...[...here].filter((mail) => !there.has(mail)).map((mail) => `only in the first: ${mail}`),
    ...[...there].filter((mail) => !here.has(mail)).map((mail) => `only in the second: ${mail}`),
  ].slice(0, longest);
}

/** Numbered where the same goes to the same person more than once at an instant. */
async function mailsOf(address: Door): Promise<ReadonlySet<string>> {
  const door = new PlatformDoor(address);
  const found = new Set<string>();
  try {
    for (let cursor: string | undefined; ;) {
      const { mails, next } = await door.messages(cursor);
      for (const { tactic, to, atMs } of mails) {
        const mail = `${tactic} to ${to} at ${new Date(atMs).toISOString()}`;
        let name = mail;
        for (let again = 2; found.has(name); again++) name = `${mail}, ${again}`;
        found.add(name);
      }
      if (next === undefined || next === cursor || mails.length === 0) return found;
      cursor = next;
    }
  } finally {
    await door.close();
  }
}
