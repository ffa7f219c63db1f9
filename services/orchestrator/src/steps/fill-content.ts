import type { JsonObject, JsonValue } from '@rapport/contracts';
import { messageOf } from '@rapport/kernel';
import { variantFor } from '../domain/candidates.js';
import { boughtItems } from '../domain/bought-items.js';
import type { Person } from '../domain/person.js';
import { purposeOf, type Tactic } from '../domain/tactics.js';
import type { ContentRenderer, Links } from '../ports/content-renderer.js';
import type { ItemRecommender } from '../ports/item-recommender.js';
import type { PersonReader } from '../ports/person-reader.js';

/** A tactic's content for one person; or why it could not be made. */
export type Filled =
  | {
      readonly kind: 'filled';
      readonly tactic: string;
      readonly variant: string;
      /** How likely this variant was. */
      readonly share: number;
      readonly content: JsonObject;
      readonly items: readonly JsonObject[] | undefined;
    }
  | { readonly kind: 'broken'; readonly tactic: string; readonly variant: string; readonly reason: string };

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
  readonly onDegraded: (part: 'items' | 'content', cause: string) => void;
}

/** More orders than this in the time looked at, and the eldest of them no longer keep items out. */
const maxOrders = 500;

/** Fetches the items that go with a tactic and renders the person's variant of it. */
export async function fillContent(ports: FillPorts, input: FillInput, tactic: Tactic): Promise<Filled> {
  const { person, decisionId } = input;
  const { variant, share } = variantFor(tactic, person.profileId);
  const items = tactic.items === undefined ? undefined : await findItems(ports, input, tactic);
  const unsubscribe =
    tactic.channelKind === 'email' ? ports.links.toUnsubscribe(person.profileId, purposeOf(tactic)) : '';
  try {
    const content = ports.renderer.render(tactic.name, variant.name, {
      person,
      items: items ?? [],
      link: ports.links.toShop(decisionId),
      unsubscribe,
    });
    return { kind: 'filled', tactic: tactic.name, variant: variant.name, share, content, items };
  } catch (thrown) {
    const reason = `its content could not be rendered: ${messageOf(thrown)}`;
    ports.onDegraded('content', `${tactic.name}/${variant.name}`);
    return { kind: 'broken', tactic: tactic.name, variant: variant.name, reason };
  }
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
