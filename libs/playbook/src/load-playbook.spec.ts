import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { checkPlaybook, formatProblem, loadPlaybook } from './index.js';

const sample = resolve(process.cwd(), 'playbook');
const folders: string[] = [];

async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'rapport-playbook-'));
  folders.push(dir);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
  return dir;
}

const problemsOf = async (files: Readonly<Record<string, string>>): Promise<string[]> =>
  (await checkPlaybook(await folderOf({ 'playbook.yaml': 'name: shop\n', ...files }))).map(formatProblem);

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

describe('the sample playbook', () => {
  it('has no problems, eight segments, six tactics and two journeys', async () => {
    expect((await checkPlaybook(sample)).map(formatProblem)).toEqual([]);
    const playbook = await loadPlaybook(sample);
    expect(playbook.segments).toHaveLength(8);
    expect(playbook.tactics).toHaveLength(6);
    expect(playbook.journeys).toHaveLength(2);
    expect(new Set(playbook.tactics.map(({ channel }) => channel))).toEqual(
      new Set(['on_site', 'email', 'webhook']),
    );
    for (const { goal } of playbook.tactics) expect(goal.target).toBeGreaterThan(0);
  });
});

describe('the schema files for editors', () => {
  it.each([
    'playbook',
    'identity',
    'segments',
    'traits',
    'tactics',
    'journeys',
    'placements',
    'channels',
    'tracking-plan',
  ])('accept the sample: %s', async (part) => {
    const schemas = resolve(process.cwd(), 'libs/playbook/schema');
    const read = async (name: string): Promise<object> =>
      JSON.parse(await readFile(join(schemas, name), 'utf8')) as object;
    const ajv = new Ajv({ strict: false });
    // An editor finds terms.schema.json beside the file; here both get an address in one folder.
    ajv.addSchema(await read('terms.schema.json'), 'https://rapport.invalid/playbook/terms.schema.json');
    const validate = ajv.compile({
      ...(await read(`${part}.schema.json`)),
      $id: `https://rapport.invalid/playbook/${part}.schema.json`,
    });
    const text = await readFile(join(sample, `${part}.yaml`), 'utf8');
    expect(text.split('\n')[0]).toBe(
      `# yaml-language-server: $schema=../libs/playbook/schema/${part}.schema.json`,
    );
    const accepted = validate(parse(text));
    expect(validate.errors ?? []).toEqual([]);
    expect(accepted).toBe(true);
    expect(validate([{ nonsense: true }])).toBe(false);
  });
});

describe('a well-formed playbook', () => {
  const segments = ['a', 'b', 'c'].map(
    (name) => `- name: ${name}\n  title: T\n  when: { did: { event: X } }\n`,
  );

  it('is the same whatever the order of definitions and keys, and whether in one file or in a folder', async () => {
    const first = await loadPlaybook(
      await folderOf({ 'playbook.yaml': 'name: shop\nholdout: 0.2\n', 'segments.yaml': segments.join('') }),
    );
    const turned = await loadPlaybook(
      await folderOf({
        'playbook.yaml': 'holdout: 0.2\nname: shop\n',
        'segments.yaml': [...segments].reverse().join(''),
      }),
    );
    const split = await loadPlaybook(
      await folderOf({
        'playbook.yaml': 'name: shop\nholdout: 0.20\n',
        'segments/z.yaml': segments.slice(0, 2).join(''),
        'segments/one.yaml': 'when: { did: { event: X } }\ntitle: T\nname: c\n',
      }),
    );
    expect(turned).toEqual(first);
    expect(split).toEqual(first);
    expect(first.version).toMatch(/^[0-9a-f]{16}$/);
  });

  it('has another version when any value differs', async () => {
    const load = async (text: string) =>
      (await loadPlaybook(await folderOf({ 'playbook.yaml': 'name: shop\n', 'segments.yaml': text })))
        .version;
    const changed = await load(segments.join('').replace('event: X', 'event: Y'));
    expect(changed).not.toBe(await load(segments.join('')));
  });

  it('takes defaults where there is only a name', async () => {
    const playbook = await loadPlaybook(await folderOf({ 'playbook.yaml': 'name: empty\n' }));
    expect(playbook).toMatchObject({ name: 'empty', holdout: 0.1, segments: [], identity: {} });
  });
});

describe('a playbook with every kind of mistake', () => {
  const mistakes: readonly [string, Readonly<Record<string, string>>, readonly string[]][] = [
    [
      'broken YAML',
      { 'segments.yaml': '- name: a\n  title: [x\n' },
      ['segments.yaml:3:1 error: expected valid YAML'],
    ],
    [
      'a key twice in one definition',
      { 'playbook.yaml': 'name: shop\nholdout: 0.1\nholdout: 0.2\n' },
      ['playbook.yaml:3:1 error: expected valid YAML: Map keys must be unique. Keep one of the two.'],
    ],
    [
      'two documents in a file',
      { 'segments.yaml': '- {}\n---\n- {}\n' },
      ['segments.yaml:2:1 error: expected one YAML document'],
    ],
    [
      'a misnamed file',
      { 'segmets.yaml': '[]\n' },
      ['segmets.yaml:1:1 error: expected a file of a playbook; came segmets.yaml. Did you mean "segments"?'],
    ],
    [
      'text in place of a list',
      { 'traits.yaml': 'hello\n' },
      ['traits.yaml:1:1 error: expected a list of definitions'],
    ],
    [
      'a misspelt key',
      { 'channels.yaml': '- name: shop\n  kind: on_site\n  optoins: {}\n' },
      ['channels.yaml:3:3 error: channel: unknown key "optoins". Did you mean "options"?'],
    ],
    [
      'a missing key',
      { 'segments.yaml': '- name: a\n  title: T\n' },
      ['segments.yaml:1:3 error: segment: expected the key "when"; it is missing. Add it.'],
    ],
    [
      'a wrong kind',
      { 'channels.yaml': '- name: a\n  kind: emial\n' },
      [
        'channels.yaml:2:9 error: kind: expected one of on_site, email, webhook; came "emial". Did you mean "email"?',
      ],
    ],
    [
      'a bad name',
      { 'placements.yaml': '- name: Home Hero\n' },
      ['placements.yaml:1:9 error: name: expected a name of lower-case letters'],
    ],
    [
      'a number in place of text',
      { 'placements.yaml': '- name: 5\n' },
      ['placements.yaml:1:9 error: name: expected text; came 5'],
    ],
    [
      'a share above its bound',
      { 'playbook.yaml': 'name: shop\nholdout: 10\n' },
      ['playbook.yaml:2:10 error: holdout: expected a number of at most 0.9; came 10'],
    ],
    [
      'a duration without a unit',
      { 'segments.yaml': '- name: a\n  title: T\n  when: { did: { event: X, within: 7 days } }\n' },
      [
        'segments.yaml:3:36 error: when.did.within: expected a duration with a unit (ms, s, m, h, d, w), for example 30s or 7d; came "7 days"',
      ],
    ],
    [
      'a duration of nothing',
      { 'segments.yaml': '- name: a\n  title: T\n  when: { did: { event: X, within: 0d } }\n' },
      ['segments.yaml:3:36 error: a: expected a duration longer than zero; came "0d".'],
    ],
    [
      'two keys in one rule',
      { 'segments.yaml': '- name: a\n  title: T\n  when: { did: { event: X }, segment: b }\n' },
      ['segments.yaml:3:9 error: when: expected exactly one key of all, any, not, did'],
    ],
    [
      'an unknown kind of rule',
      { 'segments.yaml': '- name: a\n  title: T\n  when: { all: [{ didnt: { event: X } }] }\n' },
      ['segments.yaml:3:19 error: when.all[0]: unknown key "didnt". Did you mean "did"?'],
    ],
    [
      'conditions that do not fit their op',
      {
        'segments.yaml':
          '- name: a\n  title: T\n  when:\n    all:\n      - trait: { path: plan, op: in, value: pro }\n      - trait: { path: plan, op: exists, value: 1 }\n      - trait: { path: plan, op: eq }\n      - trait: { path: plan, op: gt, value: true }\n',
      },
      [
        'segments.yaml:5:45 error: a: expected a list with op in; came a single value.',
        'segments.yaml:6:49 error: a: expected no value with op exists; came one. Leave it out.',
        'segments.yaml:7:16 error: a: expected a value with op eq; came none. Add it.',
        'segments.yaml:8:45 error: a: expected a number (or text such as a date) with op gt; came true.',
      ],
    ],
    [
      'unknown and circular segments',
      {
        'segments.yaml':
          '- { name: a, title: T, when: { segment: b } }\n- { name: b, title: T, when: { not: { segment: a } } }\n- { name: c, title: T, when: { segment: aa1 } }\n',
      },
      [
        'segments.yaml:1:30 error: a: expected segments that do not lead back to themselves; came a → b → a. Take one of these references out.',
        'segments.yaml:3:41 error: c: unknown segment "aa1". Known: a, b, c.',
      ],
    ],
    [
      'an unknown computed trait',
      {
        'traits.yaml': '- { name: orders_count, kind: count, on: { event: Order Completed } }\n',
        'segments.yaml':
          '- { name: a, title: T, when: { computed: { path: order_count, op: gt, value: 2 } } }\n',
      },
      ['segments.yaml:1:50 error: a: unknown computed trait "order_count". Did you mean "orders_count"?'],
    ],
    [
      'the same name twice, in two files',
      { 'placements/a.yaml': 'name: hero\n', 'placements/b.yaml': '- name: cart\n- name: hero\n' },
      [
        'placements/b.yaml:2:9 error: hero: expected each name once; "hero" stands at placements/a.yaml:1 already. Rename or remove one of them.',
      ],
    ],
    [
      'computed traits that miss or need no property',
      {
        'traits.yaml':
          '- { name: a, kind: sum, on: { event: X } }\n- { name: b, kind: count, on: { event: X }, property: y }\n- { name: c, kind: time_since, on: { event: X }, window: 7d }\n- { name: d, kind: max, on: { event: X }, property: y, limit: 5 }\n- { name: e, kind: max, on: { event: X }, property: "a..b" }\n',
      },
      [
        'traits.yaml:1:20 error: a: expected a property with kind sum; came none. Add, for example, property: revenue',
        'traits.yaml:2:55 error: b: expected no property with kind count',
        'traits.yaml:3:58 error: c: expected no window with kind time_since',
        'traits.yaml:4:63 error: d: expected a limit with kind unique_list only',
        'traits.yaml:5:53 error: property: expected a dotted path',
      ],
    ],
    [
      'an event that the tracking plan does not know',
      {
        'tracking-plan.yaml': '- { event: Order Completed, properties: { type: object } }\n',
        'traits.yaml': '- { name: a, kind: count, on: { event: Order Complete } }\n',
      },
      [
        'traits.yaml:1:40 warning: a: the tracking plan has no event "Order Complete". Did you mean "Order Completed"?',
      ],
    ],
    [
      'a tracking plan that is no JSON Schema',
      {
        'tracking-plan.yaml':
          '- { event: A, properties: { type: objekt } }\n- { event: B, properties: { type: object, requird: [x] } }\n',
      },
      [
        'tracking-plan.yaml:1:27 error: A: expected a JSON Schema',
        'tracking-plan.yaml:2:27 error: B: expected a JSON Schema (draft 7) of the properties: strict mode: unknown keyword: "requird"',
      ],
    ],
    [
      'identity rules that cannot hold',
      { 'identity.yaml': 'limits: { User-Id: 1, email: 0 }\n' },
      ['identity.yaml:1:30 error: limits.email: expected a number of at least 1; came 0'],
    ],
    [
      'identity rules with a broken pattern',
      { 'identity.yaml': 'blockedPatterns: ["(x"]\npriorities: [email, email]\n' },
      [
        'identity.yaml:1:19 error: expected a regular expression',
        'identity.yaml:2:21 error: expected each type once; "email" stands twice.',
      ],
    ],
    [
      'channels without what they need',
      {
        'channels.yaml':
          '- { name: a, kind: email }\n- { name: b, kind: webhook, options: { url: ftp://x, secretVariable: "whsec_abc" } }\n',
      },
      [
        'channels.yaml:1:20 error: a: expected the option "from" with kind email; it is missing. Add it under options.',
        'channels.yaml:2:45 error: b: expected an address that begins with http:// or https://; came "ftp://x".',
        'channels.yaml:2:70 error: b: expected the name of an environment variable',
      ],
    ],
  ];

  it.each(mistakes)('tells %s', async (_name, files, expected) => {
    const found = await problemsOf(files);
    expect(found).toHaveLength(expected.length);
    expected.forEach((begin, index) => expect(found[index]?.slice(0, begin.length)).toBe(begin));
  });
});

describe('tactics and journeys', () => {
  const ground = {
    'channels.yaml':
      '- { name: site, kind: on_site }\n- { name: mail, kind: email, options: { from: a@example.com } }\n',
    'placements.yaml': '- name: hero\n',
    'segments.yaml': '- { name: all, title: T, when: { did: { event: X } } }\n',
  };
  const goal = 'goal: { event: X, metric: count, within: 7d, target: 1 }';

  it('are told all their mistakes at once, each at its place', async () => {
    const found = await problemsOf({
      ...ground,
      'tactics.yaml': `
- name: a
  title: T
  segment: al
  channel: site
  variants:
    - { name: v, weight: 0, content: { headline: Hi } }
  ${goal}
- name: b
  title: T
  segment: all
  channel: site
  variants:
    - { name: v, content: { headline: "{{ profile.x" } }
    - { name: v, content: { body: Hi, link: x } }
  caps: [{ max: 1, per: 1d }, { max: 2, per: 1d }]
  schedule: { from: "2026-12-01", to: "2026-11-01" }
  goal: { event: X, metric: sum, within: 7d, target: 1 }
- name: c
  title: T
  segment: all
  placement: hero
  channel: mail
  consent: marketing
  variants: [{ name: v, content: { subject: Hi } }]
  caps: [{ max: 0, per: day }]
  holdout: 2
  ${goal}
- name: d
  title: T
  segment: all
  placement: heroo
  channel: post
  variants: [{ name: v, content: { any: thing } }]
  goal: { event: X, metric: count, property: y, within: 0s, target: 1 }
`,
      'journeys.yaml': `
- name: j
  title: T
  version: 0
  start: { event: X, segment: all }
  steps: []
- name: k
  title: T
  version: 1
  start: { segment: alle }
  exitOn: [Y]
  steps:
    - { name: s, send: b }
    - { name: s, send: e, wait: 1 hour }
- name: l
  title: T
  version: 1
  start: { event: X }
  exitOn: [X]
  steps:
    - { name: s, send: b }
    - { name: s, send: e }
`,
    });
    expect(found).toEqual([
      'journeys.yaml:4:12 error: version: expected a number of at least 1; came 0',
      'journeys.yaml:5:10 error: start: expected exactly one key of event, segment; came a map with event, segment',
      'journeys.yaml:6:10 error: steps: expected a list of at least 1; came a list of 0',
      'journeys.yaml:14:33 error: steps[1].wait: expected a duration with a unit (ms, s, m, h, d, w), for example 30s or 7d; came "1 hour"',
      'journeys.yaml:19:12 error: l: expected other events than the one that starts the journey; came "X" in both. Take it out of exitOn.',
      'journeys.yaml:21:24 error: l: expected a tactic that can be sent; "b" is on-site and waits for a page to ask. Give it another channel, or send another tactic.',
      'journeys.yaml:22:15 error: l: expected each step\'s name once; "s" stands twice. Rename one of them.',
      'journeys.yaml:22:24 error: l: unknown tactic "e". Known: a, b, c, d.',
      'tactics.yaml:7:26 error: variants[0].weight: expected a number above 0; came 0',
      'tactics.yaml:12:12 error: b: expected a placement with an on-site channel; came none. Add, for example, placement: home_hero',
      'tactics.yaml:14:39 error: b: expected a valid Liquid template: output "{{ profile.x" not closed, line:1, col:1',
      'tactics.yaml:15:15 error: b: expected each variant\'s name once; "v" stands twice. Rename one of them.',
      'tactics.yaml:15:27 error: b: expected the content "headline" for on_site; it is missing. Add it.',
      'tactics.yaml:15:45 error: b: unknown content "link" for on_site. Known: body, headline, url.',
      'tactics.yaml:16:46 error: b: expected one cap per time; "1d" stands twice. Keep the smaller.',
      'tactics.yaml:17:39 error: b: expected a schedule that ends after it begins; came 2026-12-01 to 2026-11-01. Swap or correct them.',
      'tactics.yaml:18:29 error: b: expected a property with metric sum; came none. Add, for example, property: revenue',
      'tactics.yaml:26:17 error: caps[0].max: expected a number of at least 1; came 0',
      'tactics.yaml:26:25 error: caps[0].per: expected calendar_day (in the person\'s time zone) or a duration with a unit, for example 1d; came "day"',
      'tactics.yaml:27:12 error: holdout: expected a number of at most 0.9; came 2',
      'tactics.yaml:32:14 error: d: unknown placement "heroo". Did you mean "hero"?',
      'tactics.yaml:33:12 error: d: unknown channel "post". Known: mail, site.',
      'tactics.yaml:35:46 error: d: expected no property with metric count; came "y". Leave it out, or use metric: sum',
      'tactics.yaml:35:57 error: d: expected a duration longer than zero; came "0s".',
    ]);
  });

  it('are told unknown segments, and warned of mails that nobody sends or agreed to', async () => {
    const found = await problemsOf({
      ...ground,
      'tactics.yaml': `- { name: a, title: T, segment: al, channel: mail, variants: [{ name: v, content: { subject: Hi } }], ${goal} }\n`,
      'journeys.yaml':
        '- { name: k, title: T, version: 1, start: { segment: alle }, steps: [{ name: s, send: a, wait: 0s }] }\n',
    });
    expect(found).toEqual([
      'journeys.yaml:1:54 error: k: unknown segment "alle". Did you mean "all"?',
      'tactics.yaml:1:33 error: a: unknown segment "al". Did you mean "all"?',
      'tactics.yaml:1:46 warning: a: this e-mail goes to people who never agreed to any. Add, for example, consent: marketing',
      'tactics.yaml:1:83 error: a: expected the content "text" for email; it is missing. Add it.',
    ]);
  });
});

describe('loading', () => {
  let broken = '';
  beforeAll(async () => {
    broken = await mkdtemp(join(tmpdir(), 'rapport-playbook-'));
    folders.push(broken);
    await cp(sample, broken, { recursive: true });
  });

  it('refuses with every error in one message, and takes warnings', async () => {
    const tactics = await readFile(join(broken, 'tactics.yaml'), 'utf8');
    await writeFile(
      join(broken, 'tactics.yaml'),
      tactics.replace('segment: category_fan', 'segment: category_fans').replace('target: 3 }', 'targt: 3 }'),
    );
    await expect(loadPlaybook(broken)).rejects.toMatchObject({
      code: 'PLAYBOOK_INVALID',
      message: expect.stringMatching(
        /has 3 problem\(s\):[^]*Did you mean "category_fan"\?[^]*Did you mean "target"\?/,
      ),
    });
  });

  it('says where it looked when there is nothing', async () => {
    await expect(loadPlaybook('/nowhere/at/all')).rejects.toThrow(
      'expected a playbook folder at /nowhere/at/all',
    );
    const empty = await folderOf({});
    expect((await checkPlaybook(empty)).map(formatProblem)).toEqual([
      'playbook.yaml:1:1 error: expected a file playbook.yaml; came none. Create it with one line, for example: name: shop',
    ]);
  });
});
