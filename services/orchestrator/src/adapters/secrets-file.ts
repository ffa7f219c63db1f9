import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from '@rapport/config';
import { messageOf } from '@rapport/kernel';
import { secretsUnreadable } from '../orchestrator.errors.js';
import type { LinkSecret } from '../ports/content-renderer.js';

const schema = z.object({
  /** The first signs, all of them are believed. */
  unsubscribe: z
    .array(z.object({ id: z.string().regex(/^[\w-]{1,16}$/), secret: z.string().min(32) }))
    .default([]),
  /** By the name of the variable that would have it. */
  webhooks: z.record(z.string(), z.string()).default({}),
});
type Secrets = z.output<typeof schema>;

/**
 * Secrets that nobody configured: made on the first start and kept in `secrets.json` of the data folder, readable by its
 * owner only. Beside the credentials, and not derived from them: who has a mail or a webhook must learn nothing about
 * the API token.
 */
export class SecretsFile {
  readonly #path: string;

  constructor(readonly dataDir: string) {
    this.#path = join(dataDir, 'secrets.json');
  }

  /** Those that sign unsubscribe links; to rotate, put a new one first and keep the old ones while their links are good. */
  forLinks(): readonly [LinkSecret, ...LinkSecret[]] {
    const { unsubscribe } = this.#read();
    const [first, ...others] = unsubscribe;
    if (first !== undefined) return [first, ...others];
    const made = { id: randomBytes(4).toString('hex'), secret: randomBytes(32).toString('base64url') };
    return this.#change((secrets) =>
      secrets.unsubscribe.length > 0 ? secrets : { ...secrets, unsubscribe: [made] },
    ).unsubscribe as [LinkSecret, ...LinkSecret[]];
  }

  /** The one that signs webhooks in place of a variable that is not set, as Standard Webhooks has it. */
  forWebhooks(variable: string): string {
    const kept = this.#read().webhooks[variable];
    if (kept !== undefined) return kept;
    const made = `whsec_${randomBytes(32).toString('base64')}`;
    return (
      this.#change((secrets) => ({ ...secrets, webhooks: { [variable]: made, ...secrets.webhooks } }))
        .webhooks[variable] ?? made
    );
  }

  #read(): Secrets {
    if (!existsSync(this.#path)) return schema.parse({});
    try {
      return schema.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch (thrown) {
      throw secretsUnreadable(this.#path, messageOf(thrown));
    }
  }

  /** Never half a file, and where two processes start at once the first one's secrets are both's. */
  #change(change: (secrets: Secrets) => Secrets): Secrets {
    mkdirSync(this.dataDir, { recursive: true });
    const changed = change(this.#read());
    const beside = `${this.#path}.${randomBytes(6).toString('hex')}`;
    writeFileSync(beside, `${JSON.stringify(changed, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    if (existsSync(this.#path)) {
      renameSync(beside, this.#path);
      return this.#read();
    }
    try {
      linkSync(beside, this.#path);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
      return this.#change(change);
    } finally {
      rmSync(beside, { force: true });
    }
    return this.#read();
  }
}
