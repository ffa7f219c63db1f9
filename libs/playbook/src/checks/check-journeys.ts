import { checkOnce } from './check-names.js';
import type { DefinitionSet } from './definition-set.js';

export function checkJourneys(set: DefinitionSet): void {
  const kinds = new Map(set.of('channels').map(({ value }) => [value.name, value.kind]));
  const tactics = new Map(set.of('tactics').map(({ value }) => [value.name, value]));
  for (const journey of set.of('journeys')) {
    const { start, exitOn, steps, reentryAfter } = journey.value;
    if ('event' in start) set.event(journey, ['start', 'event'], start.event);
    else set.reference(journey, ['start', 'segment'], 'segments', 'segment', start.segment);
    exitOn?.forEach((event, index) => {
      set.event(journey, ['exitOn', index], event);
      if ('event' in start && start.event === event) {
        set.tell(
          journey,
          ['exitOn', index],
          `expected other events than the one that starts the journey; came "${event}" in both. Take it out of exitOn.`,
        );
      }
    });
    checkOnce(
      steps.map(({ name }) => name),
      (index, name) =>
        set.tell(
          journey,
          ['steps', index, 'name'],
          `expected each step's name once; "${name}" stands twice. Rename one of them.`,
        ),
    );
    steps.forEach((step, index) => {
      if (!set.reference(journey, ['steps', index, 'send'], 'tactics', 'tactic', step.send)) return;
      const channel = tactics.get(step.send)?.channel;
      if (channel !== undefined && kinds.get(channel) === 'on_site') {
        set.tell(
          journey,
          ['steps', index, 'send'],
          `expected a tactic that can be sent; "${step.send}" is on-site and waits for a page to ask. Give it another channel, or send another tactic.`,
        );
      }
    });
    set.span(journey, ['reentryAfter'], reentryAfter);
  }
}
