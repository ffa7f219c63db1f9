import type { JsonValue } from '@rapport/contracts';
import type { Playbook } from '@rapport/playbook';
import { boughtMost, trade } from './bought-most.js';
import { eventLine, instant } from './event-line.js';
import type { PersonAnswer, TimelineEvent } from './person-answer.js';

export interface StoryInput {
  /** As asked. */
  readonly asked: string;
  readonly person: PersonAnswer;
  /** Newest first. */
  readonly events: readonly TimelineEvent[];
  /** True when there are older events that were not read. */
  readonly more: boolean;
  /** How many events to tell one by one. */
  readonly told: number;
  /** For titles; absent where none could be read. */
  readonly playbook: Playbook | undefined;
}

/** One person's story, for people to read. */
export function tellStory(input: StoryInput): string {
  const { asked, person, events, more, told } = input;
  const seen =
    person.firstSeen === undefined
      ? 'no event yet'
      : `from ${instant(person.firstSeen)} to ${instant(person.lastSeen ?? person.firstSeen)}`;
  const count = `${events.length}${more ? ' or more' : ''} event${events.length === 1 ? '' : 's'}`;
  const sections = [
    `${asked}\n${'═'.repeat(asked.length)}\n${count}, ${seen}. Profile ${person.profileId}, version ${person.version}${person.timezone === undefined ? '' : `, ${person.timezone}`}.${person.settling === true ? '\nA merge or split is still on its way to this profile.' : ''}`,
    trade(events),
    section(
      'Known as',
      person.identifiers.map(({ type, value }) => `${type}:${value}`),
    ),
    section('In numbers', computedLines(person, input.playbook)),
    section(
      'Segments',
      person.segments.map(
        ({ name, since }) =>
          `${name.padEnd(20)} ${titleOf(input.playbook?.segments, name)}, since ${instant(since)}`,
      ),
      'in none',
    ),
    section('Traits', traitLines(person), 'none were sent'),
    section(
      'Consent',
      Object.entries(person.consent).map(
        ([purpose, { granted, at, source }]) =>
          `${purpose.padEnd(20)} ${granted ? 'yes' : 'no'}, ${instant(at)}, from ${source}`,
      ),
      'nothing was said, which counts as no',
    ),
    section('Bought most', boughtMost(events, 10)),
    section(
      events.length > told ? `The newest ${told} of ${events.length} events` : 'Events',
      events.slice(0, told).map(eventLine),
      'none',
    ),
  ];
  return sections.filter((text) => text !== '').join('\n\n');
}

/** A heading with its lines; without lines the placeholder, without a placeholder nothing. */
function section(heading: string, lines: readonly string[], none?: string): string {
  if (lines.length === 0) return none === undefined ? '' : `${heading}: ${none}`;
  return `${heading}\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

/** Numbers that say something first; those that are zero share a line. */
function computedLines(person: PersonAnswer, playbook: Playbook | undefined): string[] {
  const known = Object.entries(person.computedTraits).filter(
    ([, value]) => value !== null && !(Array.isArray(value) && value.length === 0),
  );
  const zero = known
    .filter(([, value]) => value === 0)
    .map(([name]) => titleOf(playbook?.computedTraits, name));
  return [
    ...known
      .filter(([, value]) => value !== 0)
      .map(([name, value]) => `${titleOf(playbook?.computedTraits, name).padEnd(36)} ${shown(value)}`),
    ...(zero.length === 0 ? [] : [`0: ${zero.join(', ')}`]),
  ];
}

function traitLines(person: PersonAnswer): string[] {
  return Object.entries(person.traits).map(
    ([name, { value, source, at }]) => `${name.padEnd(20)} ${shown(value)}  (${source}, ${instant(at)})`,
  );
}

function titleOf(
  definitions: readonly { readonly name: string; readonly title?: string }[] | undefined,
  name: string,
): string {
  return definitions?.find((definition) => definition.name === name)?.title ?? name;
}

/** A value in at most a line; numbers with at most two places. */
function shown(value: JsonValue): string {
  if (typeof value === 'number') return value.toLocaleString('en-US', { maximumFractionDigits: 2 });
  if (typeof value === 'string') return value;
  if (Array.isArray(value))
    return `${value
      .slice(0, 8)
      .map((each: JsonValue) => shown(each))
      .join(', ')}${value.length > 8 ? ` and ${value.length - 8} more` : ''}`;
  return JSON.stringify(value);
}
