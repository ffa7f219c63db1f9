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

/** Fills the templates of a tactic's variant. */
export interface ContentRenderer {
  render(tactic: string, variant: string, scope: ContentScope): JsonObject;
}

/** Makes the addresses that content leads to. */
export interface Links {
  toShop(decisionId: string): string;
  toUnsubscribe(profileId: string, purpose: string): string;
}
