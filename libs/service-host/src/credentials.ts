import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { holderOf, ownSource, ownWriteKey, parseWriteKeys, type KeyHolders } from './write-keys.js';

/** Who may come in: write keys for events, one token for people, decisions and administration. */
export interface Credentials {
  /** Write key to whom it names. */
  readonly sources: KeyHolders;
  readonly apiToken: string;
  /** True when neither was configured and both were made on first start. */
  readonly generated: boolean;
}

interface CredentialsFile {
  /** `source[:browser|server]` to key. */
  readonly writeKeys: Record<string, string>;
  readonly apiToken: string;
}

/**
 * From RAPPORT_WRITE_KEYS (`source[:browser|server]=key`, comma between) and RAPPORT_API_TOKEN; what is missing is generated on the
 * first start and kept in `credentials.json` of the data folder, readable by its owner only.
 */
export function loadCredentials(
  environment: Readonly<Record<string, string | undefined>>,
  dataDir: string,
): Credentials {
  const path = join(dataDir, 'credentials.json');
  const configuredKeys = environment['RAPPORT_WRITE_KEYS'];
  const configuredToken = environment['RAPPORT_API_TOKEN'];
  let kept: CredentialsFile | undefined;
  if (!configuredKeys || !configuredToken) {
    if (existsSync(path)) kept = JSON.parse(readFileSync(path, 'utf8')) as CredentialsFile;
    else {
      mkdirSync(dataDir, { recursive: true });
      kept = {
        writeKeys: { default: randomBytes(18).toString('base64url') },
        apiToken: randomBytes(24).toString('base64url'),
      };
      writeFileSync(path, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
    }
  }
  const sources = configuredKeys
    ? parseWriteKeys(configuredKeys)
    : new Map(Object.entries(kept?.writeKeys ?? {}).map(([name, key]) => [key, holderOf(name)]));
  const apiToken = configuredToken ? configuredToken : (kept?.apiToken ?? '');
  return {
    sources: new Map([
      ...sources,
      [ownWriteKey(apiToken), { source: ownSource, kind: 'server', isKindSaid: true }],
    ]),
    apiToken,
    generated: !configuredKeys && !configuredToken,
  };
}
