import { parseDuration } from '@rapport/kernel';
import type {
  CapDefinition,
  ChannelDefinition,
  Playbook,
  TacticDefinition,
  VariantDefinition,
} from '@rapport/playbook';

/** A cap with its window read. */
export interface Cap {
  readonly scope: 'tactic' | 'channel';
  /** Of the tactic or the channel. */
  readonly name: string;
  readonly max: number;
  /** Rolling window in absolute time; undefined: a calendar day in the person's time zone. */
  readonly windowMs: number | undefined;
  /** As the playbook has it, for reasons. */
  readonly per: string;
}

/** A tactic with everything worked out that a decision would otherwise work out each time. */
export interface Tactic {
  readonly definition: TacticDefinition;
  readonly name: string;
  readonly channel: string;
  readonly channelKind: ChannelDefinition['kind'];
  readonly priority: number;
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  readonly suppressIf: { readonly event: string; readonly withinMs: number } | undefined;
  readonly caps: readonly Cap[];
  /** Share of people from whom it is withheld, and the same in words. */
  readonly holdout: number;
  readonly heldOutReason: string;
  readonly variants: readonly { readonly variant: VariantDefinition; readonly share: number }[];
  readonly items:
    | {
        readonly limit: number;
        readonly category: string | undefined;
        readonly excludeBoughtWithinMs: number | undefined;
      }
    | undefined;
  readonly goalWithinMs: number;
}

/** The order of rules alone: higher priority first, then by name. */
export const byRule = (a: Tactic, b: Tactic): number =>
  b.priority - a.priority || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

/** All tactics of a playbook, ready to be chosen among. */
export interface TacticBook {
  readonly byName: ReadonlyMap<string, Tactic>;
  /** In the order of rules. */
  readonly byPlacement: ReadonlyMap<string, readonly Tactic[]>;
}

const capsOf = (scope: Cap['scope'], name: string, caps: readonly CapDefinition[] | undefined): Cap[] =>
  (caps ?? []).map(({ max, per }) => ({
    scope,
    name,
    max,
    per,
    windowMs: per === 'calendar_day' ? undefined : parseDuration(per),
  }));

function readTactic(definition: TacticDefinition, playbook: Playbook): Tactic {
  const channel = playbook.channels.find(({ name }) => name === definition.channel);
  const weight = definition.variants.reduce((sum, variant) => sum + (variant.weight ?? 1), 0);
  const { schedule, suppressIf, items } = definition;
  const holdout = definition.holdout ?? playbook.holdout;
  return {
    definition,
    name: definition.name,
    channel: definition.channel,
    // The three kinds are also the names of the channels that exist without being declared.
    channelKind: channel?.kind ?? (definition.channel as ChannelDefinition['kind']),
    priority: definition.priority ?? 0,
    fromMs: schedule?.from === undefined ? -Infinity : Date.parse(schedule.from),
    toMs: schedule?.to === undefined ? Infinity : Date.parse(schedule.to),
    suppressIf: suppressIf && { event: suppressIf.event, withinMs: parseDuration(suppressIf.within) },
    caps: [
      ...capsOf('tactic', definition.name, definition.caps),
      ...capsOf('channel', definition.channel, channel?.caps),
    ],
    holdout,
    heldOutReason: `in the ${Number((holdout * 100).toFixed(2))} % from whom it is withheld`,
    variants: definition.variants.map((variant) => ({ variant, share: (variant.weight ?? 1) / weight })),
    items: items && {
      limit: items.limit,
      category: items.category,
      excludeBoughtWithinMs:
        items.excludeBoughtWithin === undefined ? undefined : parseDuration(items.excludeBoughtWithin),
    },
    goalWithinMs: parseDuration(definition.goal.within),
  };
}

/** Reads the tactics of a playbook once, at start. */
export function readTactics(playbook: Playbook): TacticBook {
  const byName = new Map<string, Tactic>();
  const byPlacement = new Map<string, Tactic[]>(playbook.placements.map(({ name }) => [name, []]));
  for (const definition of playbook.tactics) {
    const tactic = readTactic(definition, playbook);
    byName.set(tactic.name, tactic);
    const { placement } = definition;
    if (placement === undefined) continue;
    const there = byPlacement.get(placement);
    if (there) there.push(tactic);
    else byPlacement.set(placement, [tactic]);
  }
  for (const there of byPlacement.values()) there.sort(byRule);
  return { byName, byPlacement };
}

/** The consent that unsubscribing from a tactic's messages takes back. */
export const purposeOf = (tactic: Tactic): string => tactic.definition.consent ?? 'marketing';
