/** A write key and whom it names. */
export interface WriteKey {
  readonly key: string;
  readonly source: string;
  /** `browser`: public, so that anybody may be sending. */
  readonly kind: 'browser' | 'server';
}

/** Headers are remembered, so that the steady state decodes nothing; only good ones, so that nobody can fill the memory. */
const maxRemembered = 1000;

/** Which source a write key belongs to, wherever a client puts the key. */
export class WriteKeys {
  readonly #byHeader = new Map<string, WriteKey>();
  readonly #keys: ReadonlyMap<string, WriteKey>;

  constructor(
    holders: ReadonlyMap<string, Pick<WriteKey, 'source' | 'kind'>>,
    private readonly decodeBase64: (text: string) => string,
  ) {
    this.#keys = new Map([...holders].map(([key, { source, kind }]) => [key, { key, source, kind }]));
  }

  /** A key by its text; undefined when nobody has it. */
  find(writeKey: string): WriteKey | undefined {
    return this.#keys.get(writeKey);
  }

  /**
   * The key that `Authorization: Basic base64(key + ":")` shows (the colon may be missing). `absent` when the header
   * shows none (none, or Bearer): then the body has to.
   */
  inHeader(authorization: string | undefined): WriteKey | 'absent' | 'unknown' {
    if (authorization === undefined) return 'absent';
    const known = this.#byHeader.get(authorization);
    if (known !== undefined) return known;
    const match = /^basic\s+([A-Za-z0-9+/_=-]+)\s*$/i.exec(authorization);
    if (match?.[1] === undefined) return /^bearer\s/i.test(authorization) ? 'absent' : 'unknown';
    const userAndPassword = this.decodeBase64(match[1]);
    const colon = userAndPassword.indexOf(':');
    const key = this.#keys.get(colon === -1 ? userAndPassword : userAndPassword.slice(0, colon));
    if (key === undefined) return 'unknown';
    if (this.#byHeader.size < maxRemembered) this.#byHeader.set(authorization, key);
    return key;
  }
}
