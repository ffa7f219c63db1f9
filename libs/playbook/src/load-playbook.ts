import { createHash } from 'node:crypto';
import { RapportError } from '@rapport/kernel';
import { checkChannels } from './checks/check-channels.js';
import { checkIdentity } from './checks/check-identity.js';
import { checkJourneys } from './checks/check-journeys.js';
import { checkNames } from './checks/check-names.js';
import { checkSegments } from './checks/check-segments.js';
import { checkTactics } from './checks/check-tactics.js';
import { checkTrackingPlan } from './checks/check-tracking-plan.js';
import { checkTraits } from './checks/check-traits.js';
import { DefinitionSet } from './checks/definition-set.js';
import type { Playbook } from './definitions.js';
import { readEntries } from './playbook-files.js';
import { formatProblem, inReadingOrder, type Problem } from './problem.js';
import { schemaCheck } from './schema-check.js';

/** Share of people from whom a tactic is withheld where neither it nor the playbook says otherwise. */
const defaultHoldout = 0.1;

/** What the files refer to each other for; one line per kind of definition. */
const checks = [
  checkNames,
  checkTraits,
  checkSegments,
  checkTactics,
  checkJourneys,
  checkChannels,
  checkIdentity,
  checkTrackingPlan,
];

/** Every problem of a playbook folder at once, in reading order; none of severity `error` means that it can run. */
export async function checkPlaybook(dir: string): Promise<Problem[]> {
  return (await examine(dir)).problems;
}

/** Reads a playbook folder. Throws PLAYBOOK_INVALID with every error at once; warnings do not stop it. */
export async function loadPlaybook(dir: string): Promise<Playbook> {
  const { problems, set } = await examine(dir);
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return toPlaybook(set);
  throw new RapportError(
    'PLAYBOOK_INVALID',
    'invalid',
    `the playbook in ${dir} has ${errors.length} problem(s):\n${errors.map((problem) => `  ${formatProblem(problem)}`).join('\n')}`,
  );
}

async function examine(dir: string): Promise<{ problems: Problem[]; set: DefinitionSet }> {
  const problems: Problem[] = [];
  const report = (problem: Problem): void => void problems.push(problem);
  const entries = await readEntries(dir, report);
  const passes = schemaCheck();
  const accepted = entries.filter((entry) => passes(entry, report));
  const set = new DefinitionSet(accepted, entries, ({ entry }, path, message, severity = 'error') => {
    report({
      severity,
      file: entry.source.file,
      ...entry.source.place([...entry.path, ...path]),
      message: `${titleOf(entry.value)}${message}`,
    });
  });
  for (const check of checks) check(set);
  return { problems: inReadingOrder(problems), set };
}

function titleOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return '';
  const { name, event } = value as Readonly<Record<string, unknown>>;
  const title = typeof name === 'string' ? name : event;
  return typeof title === 'string' ? `${title}: ` : '';
}

function toPlaybook(set: DefinitionSet): Playbook {
  const head = set.of('playbook')[0]?.value;
  const definitions = {
    name: head?.name ?? 'playbook',
    holdout: head?.holdout ?? defaultHoldout,
    identity: set.of('identity')[0]?.value ?? {},
    trackingPlan: sorted(
      set.of('tracking-plan').map(({ value }) => value),
      ({ event }) => event,
    ),
    computedTraits: sorted(
      set.of('traits').map(({ value }) => value),
      ({ name }) => name,
    ),
    segments: sorted(
      set.of('segments').map(({ value }) => value),
      ({ name }) => name,
    ),
    // Variants too: their order decides who falls to which, and moving lines in a file must not.
    tactics: sorted(
      set
        .of('tactics')
        .map(({ value }) => ({ ...value, variants: sorted(value.variants, ({ name }) => name) })),
      ({ name }) => name,
    ),
    journeys: sorted(
      set.of('journeys').map(({ value }) => value),
      ({ name }) => name,
    ),
    placements: sorted(
      set.of('placements').map(({ value }) => value),
      ({ name }) => name,
    ),
    channels: sorted(
      set.of('channels').map(({ value }) => value),
      ({ name }) => name,
    ),
  };
  return {
    ...definitions,
    version: createHash('sha256').update(canonicalJson(definitions)).digest('hex').slice(0, 16),
  };
}

function sorted<T>(values: readonly T[], keyOf: (value: T) => string): T[] {
  return [...values].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
}

/** JSON with the keys of every map in order, so that equal definitions give equal text. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = sorted(Object.entries(value), ([key]) => key).filter(([, each]) => each !== undefined);
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`).join(',')}}`;
}
