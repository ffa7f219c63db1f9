import type { CandidateOutcome, JsonObject, JsonValue } from '@rapport/contracts';
import { messageOf } from '@rapport/kernel';
import { variantFor } from '../domain/candidates.js';
import { boughtItems } from '../domain/bought-items.js';
import type { Person } from '../domain/person.js';
import { mailAddressOf } from '../domain/reachability.js';
import { purposeOf, type Tactic } from '../domain/tactics.js';
import type { ContentRenderer, ContentScope, Links } from '../ports/content-renderer.js';
import type { ItemRecommender } from '../ports/item-recommender.js';
import type { PersonReader } from '../ports/person-reader.js';
import type { RefusalBook } from '../ports/refusal-book.js';

/** A tactic's content for one person. */
export interface Filled {
  readonly tactic: string;
  readonly variant: string;
  /** How likely this variant was. */
  readonly share: number;
  readonly content: JsonObject;
  readonly items: readonly JsonObject[] | undefined;
}

/** What content is filled from. */
export interface FillInput {
  readonly decisionId: string;
  readonly person: Person;
  readonly atMs: number;
  readonly context?: JsonObject;
}

export interface FillPorts {
  readonly people: PersonReader;
  readonly recommender: ItemRecommender;
  readonly renderer: ContentRenderer;
  readonly links: Links;
  readonly refusals: Pick<RefusalBook, 'keyOf'>;
  readonly onDegraded: (part: 'items' | 'content', cause: string) => void;
}

/** What was found out about a tactic's content before the arms part. */
export interface Draft {
  /** The content of the person's variant; absent where it asks for nothing that the person has. */
  readonly content?: JsonObject;
  /** Absent where the templates do not speak of them: then they are fetched for the tactic that is chosen only. */
  readonly items?: readonly JsonObject[];
}

/** More orders than this in the time looked at, and the eldest of them no longer keep items out. */
const maxOrders = 500;

/**
 * Fills every variant of a tactic for a person; a candidate of which one cannot be filled is not eligible. Before
 * holdout and variant are looked at, and for all variants: so every arm loses the same people. Templates that ask for
 * nothing cannot fail and cost nothing here.
 */
export async function draftContent(
  ports: FillPorts,
  input: FillInput,
  tactic: Tactic,
): Promise<Draft | CandidateOutcome> {
  const variants = tactic.variants.filter(({ share }) => share > 0).map(({ variant }) => variant.name);
  const filled = variants.filter((name) => ports.renderer.needs(tactic.name, name).scope);
  if (filled.length === 0) return {};
  const asksForItems = filled.some((name) => ports.renderer.needs(tactic.name, name).items);
  const items =
    asksForItems && tactic.items !== undefined ? await findItems(ports, input, tactic) : undefined;
  const scope = scopeOf(ports, input, tactic, items ?? []);
  const own = variantFor(tactic, input.person.profileId).variant.name;
  let content: JsonObject | undefined;
  for (const name of filled) {
    try {
      const made = ports.renderer.render(tactic.name, name, scope);
      if (name === own) content = made;
    } catch (thrown) {
      ports.onDegraded('content', `${tactic.name}/${name}`);
      const reason = `variant ${name}: its content cannot be rendered: ${messageOf(thrown)}`;
      return { tactic: tactic.name, outcome: 'not_eligible', reason };
    }
  }
  return { ...(content === undefined ? {} : { content }), ...(items === undefined ? {} : { items }) };
}

/** Completes the draft of the tactic that was chosen. */
export async function fillContent(
  ports: FillPorts,
  input: FillInput,
  tactic: Tactic,
  draft: Draft,
): Promise<Filled> {
  const { variant, share } = variantFor(tactic, input.person.profileId);
  const items =
    draft.items ?? (tactic.items === undefined ? undefined : await findItems(ports, input, tactic));
  const content =
    draft.content ??
    ports.renderer.render(tactic.name, variant.name, scopeOf(ports, input, tactic, items ?? []));
  return { tactic: tactic.name, variant: variant.name, share, content, items };
}

const scopeOf = (
  ports: FillPorts,
  { person, decisionId, atMs }: FillInput,
  tactic: Tactic,
  items: readonly JsonObject[],
): ContentScope => ({
  person,
  items,
  link: ports.links.toShop(decisionId),
  unsubscribe: unsubscribeLink(ports, person, tactic, atMs),
});

/** The way out of a tactic's mails; empty where nothing is mailed. */
export function unsubscribeLink(
  ports: Pick<FillPorts, 'links' | 'refusals'>,
  person: Person,
  tactic: Tactic,
  atMs: number,
): string {
  const address = tactic.channelKind === 'email' ? mailAddressOf(person) : undefined;
  if (address === undefined) return '';
  const mailbox = ports.refusals.keyOf(address);
  return ports.links.toUnsubscribe(
    { profileId: person.profileId, purpose: purposeOf(tactic), mailbox },
    atMs,
  );
}

async function findItems(
  ports: FillPorts,
  { person, atMs, context }: FillInput,
  { items }: Tactic,
): Promise<readonly JsonObject[]> {
  if (items === undefined) return [];
  try {
    const within = items.excludeBoughtWithinMs;
    const orders =
      within === undefined
        ? []
        : await ports.people.events(person.profileId, 'Order Completed', atMs - within + 1, atMs, maxOrders);
    return await ports.recommender.recommend({
      profileId: person.profileId,
      limit: items.limit,
      exclude: boughtItems(orders.map(({ properties }) => properties)),
      seeds: seedsOf(context),
      segments: [...person.segments],
      category: items.category,
    });
  } catch (thrown) {
    ports.onDegraded('items', messageOf(thrown));
    return [];
  }
}

/** Items in view: `context.items`, else `context.product_id`. */
function seedsOf(context: JsonObject | undefined): readonly string[] {
  const given: JsonValue | undefined = context?.['items'] ?? context?.['product_id'];
  const list: readonly JsonValue[] = Array.isArray(given) ? (given as readonly JsonValue[]) : [given ?? null];
  return list.filter((one) => typeof one === 'string').slice(0, 50);
}
