import { createHmac, timingSafeEqual } from 'node:crypto';
import type { LinkSecret, Links, UnsubscribeClaim } from '../ports/content-renderer.js';

export interface SignedLinksOptions {
  /** Where this platform is reached from outside, without a slash at the end. */
  readonly publicUrl: () => string;
  /** Where links in content lead. */
  readonly shopUrl: string;
  /** The first signs, all of them are believed. Asked for once, when a link is made or read first. */
  readonly secrets: () => readonly [LinkSecret, ...LinkSecret[]];
  /** How long an unsubscribe link is good. */
  readonly validMs: number;
}

/** What a token says, and whether it still counts. */
export interface ReadLink {
  readonly claim: UnsubscribeClaim;
  readonly expiresAtMs: number;
}

/**
 * Addresses for content. Unsubscribe links carry whom and which mailbox they are about and until when they are good,
 * signed, so that none can be made up and none needs to be stored.
 */
export class SignedLinks implements Links {
  #secrets: readonly [LinkSecret, ...LinkSecret[]] | undefined;

  constructor(readonly options: SignedLinksOptions) {}

  toShop(decisionId: string): string {
    const url = new URL(this.options.shopUrl);
    url.searchParams.set('rapport_decision', decisionId);
    return url.href;
  }

  toUnsubscribe({ profileId, purpose, mailbox }: UnsubscribeClaim, atMs: number): string {
    const [{ id, secret }] = this.#known();
    const expiresAtS = Math.ceil((atMs + this.options.validMs) / 1000);
    const claim = Buffer.from(JSON.stringify([profileId, purpose, mailbox, expiresAtS])).toString(
      'base64url',
    );
    return `${this.options.publicUrl()}/v1/unsubscribe/${id}.${claim}.${sign(secret, id, claim)}`;
  }

  /** What a token says; undefined when it was not signed here. */
  read(token: string): ReadLink | undefined {
    const [id = '', claim = '', signature = '', ...more] = token.split('.');
    const secret = this.#known().find((one) => one.id === id)?.secret;
    if (secret === undefined || more.length > 0) return undefined;
    const wanted = Buffer.from(sign(secret, id, claim));
    const given = Buffer.from(signature);
    if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) return undefined;
    const [profileId, purpose, mailbox, expiresAtS] = JSON.parse(
      Buffer.from(claim, 'base64url').toString(),
    ) as [string, string, string, number];
    return { claim: { profileId, purpose, mailbox }, expiresAtMs: expiresAtS * 1000 };
  }

  #known(): readonly [LinkSecret, ...LinkSecret[]] {
    return (this.#secrets ??= this.options.secrets());
  }
}

const sign = (secret: string, id: string, claim: string): string =>
  createHmac('sha256', secret).update(`rapport unsubscribe link ${id}.${claim}`).digest('base64url');
