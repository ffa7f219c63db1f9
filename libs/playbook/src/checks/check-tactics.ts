import { Liquid } from 'liquidjs';
import { messageOf } from '@rapport/kernel';
import type {
  CapDefinition,
  ChannelDefinition,
  TacticDefinition,
  VariantDefinition,
} from '../definitions.js';
import { didYouMean } from '../problem.js';
import type { Path } from '../source-file.js';
import { checkOnce } from './check-names.js';
import type { DefinitionSet, Located } from './definition-set.js';

const templates = new Liquid({ strictFilters: true });

/** What a channel's content is made of; a webhook takes any keys. */
const contentKeys: Readonly<Record<'on_site' | 'email', readonly string[]>> = {
  on_site: ['headline', 'body', 'url'],
  email: ['subject', 'text', 'html'],
};

export function checkTactics(set: DefinitionSet): void {
  const channels = new Map(set.of('channels').map(({ value }) => [value.name, value]));
  const sent = new Set(set.of('journeys').flatMap(({ value }) => value.steps.map((step) => step.send)));
  for (const tactic of set.of('tactics')) {
    const { value } = tactic;
    set.reference(tactic, ['segment'], 'segments', 'segment', value.segment);
    if (value.placement !== undefined)
      set.reference(tactic, ['placement'], 'placements', 'placement', value.placement);
    set.reference(tactic, ['channel'], 'channels', 'channel', value.channel);
    const channel = channels.get(value.channel);
    if (channel !== undefined) checkWay(set, tactic, channel, sent.has(value.name));
    checkOnce(
      value.variants.map(({ name }) => name),
      (index, name) =>
        set.tell(
          tactic,
          ['variants', index, 'name'],
          `expected each variant's name once; "${name}" stands twice. Rename one of them.`,
        ),
    );
    value.variants.forEach((variant, index) =>
      checkContent(set, tactic, ['variants', index, 'content'], variant, channel),
    );
    checkCaps(set, tactic, value.caps);
    checkTimes(set, tactic);
    checkGoal(set, tactic);
  }
}

function checkWay(
  set: DefinitionSet,
  tactic: Located<TacticDefinition>,
  channel: ChannelDefinition,
  inJourney: boolean,
): void {
  const { placement } = tactic.value;
  if (channel.kind === 'on_site' && placement === undefined) {
    set.tell(
      tactic,
      ['channel'],
      'expected a placement with an on-site channel; came none. Add, for example, placement: home_hero',
    );
  }
  if (channel.kind !== 'on_site' && placement !== undefined) {
    set.tell(
      tactic,
      ['placement'],
      `expected a placement with an on-site channel only; came one with "${channel.name}" (${channel.kind}). Leave it out.`,
    );
  }
  if (channel.kind !== 'on_site' && !inJourney) {
    set.tell(
      tactic,
      ['name'],
      `nothing sends "${tactic.value.name}". Name it in a step of a journey, or remove it.`,
      'warning',
    );
  }
  if (channel.kind === 'email' && tactic.value.consent === undefined) {
    set.tell(
      tactic,
      ['channel'],
      'this e-mail goes to people who never agreed to any. Add, for example, consent: marketing',
      'warning',
    );
  }
}

function checkContent(
  set: DefinitionSet,
  tactic: Located<TacticDefinition>,
  path: Path,
  variant: VariantDefinition,
  channel: ChannelDefinition | undefined,
): void {
  for (const [key, text] of Object.entries(variant.content)) {
    try {
      templates.parse(text);
    } catch (thrown) {
      set.tell(
        tactic,
        [...path, key],
        `expected a valid Liquid template: ${messageOf(thrown).split('\n')[0] ?? ''}`,
      );
    }
  }
  if (channel === undefined || channel.kind === 'webhook') return;
  const known = contentKeys[channel.kind];
  for (const key of Object.keys(variant.content)) {
    if (!known.includes(key))
      set.tell(
        tactic,
        [...path, key],
        `unknown content "${key}" for ${channel.kind}.${didYouMean(key, known)}`,
      );
  }
  const missing =
    channel.kind === 'email'
      ? ['subject', ...(variant.content['html'] === undefined ? ['text'] : [])]
      : ['headline'];
  for (const key of missing) {
    if (variant.content[key] === undefined)
      set.tell(tactic, path, `expected the content "${key}" for ${channel.kind}; it is missing. Add it.`);
  }
}

function checkTimes(set: DefinitionSet, tactic: Located<TacticDefinition>): void {
  const { items, suppressIf, schedule } = tactic.value;
  set.span(tactic, ['items', 'excludeBoughtWithin'], items?.excludeBoughtWithin);
  if (suppressIf !== undefined) {
    set.event(tactic, ['suppressIf', 'event'], suppressIf.event);
    set.span(tactic, ['suppressIf', 'within'], suppressIf.within);
  }
  const instants = (['from', 'to'] as const).map((side) => {
    const text = schedule?.[side];
    const instant = text === undefined ? undefined : Date.parse(text);
    if (Number.isNaN(instant))
      set.tell(tactic, ['schedule', side], `expected an instant that exists; came "${text ?? ''}".`);
    return instant;
  });
  const [from, to] = instants;
  if (from !== undefined && to !== undefined && from >= to) {
    set.tell(
      tactic,
      ['schedule', 'to'],
      `expected a schedule that ends after it begins; came ${schedule?.from ?? ''} to ${schedule?.to ?? ''}. Swap or correct them.`,
    );
  }
}

function checkGoal(set: DefinitionSet, tactic: Located<TacticDefinition>): void {
  const { goal } = tactic.value;
  set.event(tactic, ['goal', 'event'], goal.event);
  set.span(tactic, ['goal', 'within'], goal.within);
  if (goal.metric === 'sum' && goal.property === undefined) {
    set.tell(
      tactic,
      ['goal', 'metric'],
      'expected a property with metric sum; came none. Add, for example, property: revenue',
    );
  }
  if (goal.metric === 'count' && goal.property !== undefined) {
    set.tell(
      tactic,
      ['goal', 'property'],
      `expected no property with metric count; came "${goal.property}". Leave it out, or use metric: sum`,
    );
  }
}

/** No two caps over the same time: only the smaller would ever bind. */
export function checkCaps(
  set: DefinitionSet,
  located: Located<unknown>,
  caps: readonly CapDefinition[] | undefined,
): void {
  checkOnce(
    (caps ?? []).map(({ per }) => per),
    (index, per) =>
      set.tell(
        located,
        ['caps', index, 'per'],
        `expected one cap per time; "${per}" stands twice. Keep the smaller.`,
      ),
  );
  caps?.forEach(({ per }, index) => {
    if (per !== 'calendar_day') set.span(located, ['caps', index, 'per'], per);
  });
}
