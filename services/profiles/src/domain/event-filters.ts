import type { EventType, JsonValue } from '@rapport/contracts';
import type { EventFilter } from '@rapport/playbook';
import { compileTest } from './conditions.js';
import { compilePath } from './paths.js';
import type { ProfileEvent } from './profile-event.js';

/** An event filter, ready to run. */
export interface CompiledFilter {
  readonly type: EventType;
  /** Undefined: any. */
  readonly label: string | undefined;
  /** The `where` part alone: type and label were matched by the index of listeners. */
  readonly passes: (event: ProfileEvent) => boolean;
}

export function compileFilter(filter: EventFilter): CompiledFilter {
  const tests = (filter.where ?? []).map((condition) => ({
    read: compilePath(condition.path),
    test: compileTest(condition),
  }));
  return {
    type: filter.type ?? 'track',
    label: filter.event,
    passes: (event) =>
      tests.every(({ read, test }) => {
        const found: JsonValue[] = [];
        read(event, found);
        return test(found);
      }),
  };
}

/** Whether an event is one that a filter asks for. */
export const matches = (filter: CompiledFilter, event: ProfileEvent): boolean =>
  filter.type === event.record.type &&
  (filter.label === undefined || filter.label === event.label) &&
  filter.passes(event);

/** The part of a definition that decides what it gathers, written so that equal filters are written equally. */
export function filterKey(filter: EventFilter): string {
  const where = (filter.where ?? [])
    .map(({ path, op, value }) => JSON.stringify([path, op, value ?? null]))
    .sort();
  return JSON.stringify([filter.type ?? 'track', filter.event ?? null, where]);
}
