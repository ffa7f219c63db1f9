import { partsOf, profileIdOf, type Identifier } from '@rapport/kernel';
import type { IdentityChange } from '@rapport/contracts';
import type { Edge } from './evidence.js';
import type { Person } from './person.js';

/** A document and the version at which something is going to be done to it (0: it must not exist yet). */
export interface Claim {
  readonly id: Identifier;
  readonly version: number;
  /** Where the membership version of an identifier goes on that was forgotten once. Default 0. */
  readonly from?: number;
}

/** One line of the identity history. The id makes writing it twice harmless. */
export interface HistoryEntry {
  readonly id: string;
  readonly kind: 'link' | 'merge' | 'refuse' | 'unlink' | 'split' | 'forget';
  readonly at: number;
  readonly from: Identifier;
  readonly to: Identifier;
  readonly reason: string;
  /** The pair is no longer a refusal that stands. */
  readonly lifts?: true;
}

/** "I am going to take these in": each joins by its own compare-and-set, independently of the others. */
export interface JoinPlan {
  readonly kind: 'join';
  readonly joins: readonly Claim[];
  /** The evidence that joins them, and other evidence that came with it. */
  readonly edges: readonly Edge[];
  readonly at: number;
  /** The root itself was made with this plan and has not been announced. */
  readonly fresh: boolean;
}

/** "These people divide anew": all are held first, then all documents are written. */
export interface RegroupPlan {
  readonly kind: 'regroup';
  readonly phase: 'holding' | 'applying';
  /** Names the plan in the documents it wrote. */
  readonly id: string;
  readonly holds: readonly Claim[];
  readonly groups: readonly { readonly root: Identifier; readonly person: Person }[];
  readonly change: 'linked' | 'unlinked' | 'split';
  readonly reason: string;
  readonly history: readonly HistoryEntry[];
  readonly at: number;
}

/** "This person goes": everything that names it is removed, its own root last. */
export interface ForgetPlan {
  readonly kind: 'forget';
  readonly at: number;
  readonly reason: string;
}

export type Plan = JoinPlan | RegroupPlan | ForgetPlan;

/** What has been done and must still be told. Cleared after it was told; telling it twice is harmless. */
export interface Outbox {
  readonly change?: Pick<IdentityChange, 'kind' | 'other' | 'reason'> & { readonly at: number };
  readonly history: readonly HistoryEntry[];
}

/**
 * The document of one identifier. Following `parent` leads to the root, which stands for the person; nothing
 * else decides who is who. Every write names the version that it read.
 */
export interface IdentifierDocument {
  /** When the document was made; the elder of two roots stays. */
  readonly created: number;
  readonly parent: Identifier | null;
  /** Counts the announced memberships of the profile that has its id from this identifier; it never goes back. */
  readonly membershipVersion: number;
  /** At a root: the person. At another: what it was when it joined, until its root has taken it over; then null. */
  readonly person: Person | null;
  /** A change over several documents that has been begun; whoever meets it completes it before anything else. */
  readonly plan?: Plan;
  /** The root whose plan this root waits for; without effect when that plan is gone. */
  readonly heldBy?: Identifier;
  /** The last regrouping that wrote this document. */
  readonly regroupedBy?: string;
  readonly outbox?: Outbox;
  /** Set while there is a plan or something to tell: the index by which a start finds what a crash left. */
  readonly unsettled?: number;
}

/** A forgotten profile: only the count that must go on if its identifier ever comes back. */
export interface ForgottenProfile {
  readonly membershipVersion: number;
}

/** An identifier and when it was first seen. */
export interface Aged {
  readonly id: Identifier;
  readonly created: number;
}

/**
 * The total order of roots: by age, then an account before anything else and a device last, then by name. Whoever
 * is eldest follows from when each was first seen, not from the order within that instant.
 */
export function isElder(one: Aged, other: Aged): boolean {
  if (one.created !== other.created) return one.created < other.created;
  const byKind = kindOf(one.id) - kindOf(other.id);
  return byKind === 0 ? one.id < other.id : byKind < 0;
}

function kindOf(id: Identifier): number {
  const { type } = partsOf(id);
  return type === 'user_id' ? 0 : type === 'anonymous_id' ? 2 : 1;
}

/** Two outboxes in one: the later change holds, because it carries the whole membership. */
export function withOutbox(
  before: Outbox | undefined,
  change: Outbox['change'],
  history: readonly HistoryEntry[],
): Outbox | undefined {
  const kept = change ?? before?.change;
  const entries = [...(before?.history ?? []), ...history].slice(-100);
  if (kept === undefined && entries.length === 0) return undefined;
  return { ...(kept ? { change: kept } : {}), history: entries };
}

/** The record that tells a profile's membership as its document has it. */
export function changeOf(id: Identifier, doc: IdentifierDocument): IdentityChange | undefined {
  const change = doc.outbox?.change;
  if (change === undefined) return undefined;
  const { at, other, kind, reason } = change;
  return {
    profileId: profileIdOf(id),
    membershipVersion: doc.membershipVersion,
    kind,
    identifiers: doc.parent === null ? [...(doc.person?.members ?? [id])].sort() : [],
    ...(doc.parent === null ? {} : { mergedInto: profileIdOf(doc.parent) }),
    ...(other === undefined ? {} : { other }),
    at: new Date(at).toISOString(),
    reason,
  };
}
