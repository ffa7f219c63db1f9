import type { JsonObject } from '@rapport/contracts';
import type { Person } from '../domain/person.js';

/** What a template can speak of. */
export interface ContentScope {
  readonly person: Person;
  readonly items: readonly JsonObject[];
  /** Leads to the shop and says which decision brought the visitor. */
  readonly link: string;
  /** Stops messages of this purpose with one click; empty where nothing is sent. */
  readonly unsubscribe: string;
}

/** What of a scope a rendering asks for: one that asks for nothing is the same for everybody and cannot fail. */
export interface ContentNeeds {
  readonly scope: boolean;
  readonly items: boolean;
}

/** Fills the templates of a tactic's variant. */
export interface ContentRenderer {
  needs(tactic: string, variant: string): ContentNeeds;
  /** Throws where a template cannot be filled for this person. */
  render(tactic: string, variant: string, scope: ContentScope): JsonObject;
}

/** What an unsubscribe link stops. */
export interface UnsubscribeClaim {
  /** Whose consent it takes back. */
  readonly profileId: string;
  readonly purpose: string;
  /** Key of the mailbox that the mail went to: it refuses for every account that has it. */
  readonly mailbox: string;
}

/** A secret that signs links, and the id by which a link names it. */
export interface LinkSecret {
  readonly id: string;
  readonly secret: string;
}

/** Makes the addresses that content leads to. */
export interface Links {
  toShop(decisionId: string): string;
  /** The same claim and instant give the same address; from the instant on it is good for a while. */
  toUnsubscribe(claim: UnsubscribeClaim, atMs: number): string;
}
