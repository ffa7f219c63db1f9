/** Headers are remembered, so that the steady state decodes nothing; only good ones, so that nobody can fill the memory. */
const maxRemembered = 1000;

/** Which source a write key belongs to, wherever a client puts the key. */
export class WriteKeys {
  readonly #byHeader = new Map<string, string>();

  constructor(
    private readonly sources: ReadonlyMap<string, string>,
    private readonly decodeBase64: (text: string) => string,
  ) {}

  /** The source of a key; undefined when nobody has it. */
  sourceOf(writeKey: string): string | undefined {
    return this.sources.get(writeKey);
  }

  /**
   * The source that `Authorization: Basic base64(key + ":")` names (the colon may be missing). `absent` when the header
   * names no key (none, or Bearer): then the body has to.
   */
  sourceOfHeader(authorization: string | undefined): { source: string } | 'absent' | 'unknown' {
    if (authorization === undefined) return 'absent';
    const known = this.#byHeader.get(authorization);
    if (known !== undefined) return { source: known };
    const match = /^basic\s+([A-Za-z0-9+/_=-]+)\s*$/i.exec(authorization);
    if (match?.[1] === undefined) return /^bearer\s/i.test(authorization) ? 'absent' : 'unknown';
    const userAndPassword = this.decodeBase64(match[1]);
    const colon = userAndPassword.indexOf(':');
    const source = this.sources.get(colon === -1 ? userAndPassword : userAndPassword.slice(0, colon));
    if (source === undefined) return 'unknown';
    if (this.#byHeader.size < maxRemembered) this.#byHeader.set(authorization, source);
    return { source };
  }
}
