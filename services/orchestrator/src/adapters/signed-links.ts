import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Links } from '../ports/content-renderer.js';

/** Whom an unsubscribe link is about, and what it stops. */
export interface UnsubscribeClaim {
  readonly profileId: string;
  readonly purpose: string;
}

export interface SignedLinksOptions {
  /** Where this platform is reached from outside, without a slash at the end. */
  readonly publicUrl: string;
  /** Where links in content lead. */
  readonly shopUrl: string;
  /** Links signed with another secret are refused. */
  readonly secret: string;
}

/** Addresses for content. Unsubscribe links carry whom they are about, signed, so that none can be made up and none needs to be stored. */
export class SignedLinks implements Links {
  constructor(readonly options: SignedLinksOptions) {}

  toShop(decisionId: string): string {
    const url = new URL(this.options.shopUrl);
    url.searchParams.set('rapport_decision', decisionId);
    return url.href;
  }

  toUnsubscribe(profileId: string, purpose: string): string {
    const claim = Buffer.from(JSON.stringify([profileId, purpose])).toString('base64url');
    return `${this.options.publicUrl}/v1/unsubscribe/${claim}.${this.#sign(claim)}`;
  }

  /** What a token claims; undefined when it was not signed here. */
  read(token: string): UnsubscribeClaim | undefined {
    const [claim = '', signature = ''] = token.split('.');
    const wanted = Buffer.from(this.#sign(claim));
    const given = Buffer.from(signature);
    if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) return undefined;
    const [profileId, purpose] = JSON.parse(Buffer.from(claim, 'base64url').toString()) as [string, string];
    return { profileId, purpose };
  }

  #sign(claim: string): string {
    const key = createHmac('sha256', this.options.secret).update('unsubscribe').digest();
    return createHmac('sha256', key).update(claim).digest('base64url').slice(0, 32);
  }
}
