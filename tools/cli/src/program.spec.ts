import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exitCodes, runCli } from './index.js';

const sample = resolve(process.cwd(), 'playbook');

async function run(
  line: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await runCli(line.split(' '), {
    out: (text) => (out += `${text}\n`),
    err: (text) => (err += `${text}\n`),
    interactive: false,
    // Port 9 (discard) of this machine: nothing listens there.
    environment: { RAPPORT_URL: 'http://127.0.0.1:9', ...environment },
    stopped: new AbortController().signal,
  });
  return { code, out, err };
}

describe('the command line', () => {
  it.each([
    ['nonsense', 'unknown command'],
    ['import --format online-retail', "missing required argument 'file'"],
    ['import x', "required option '--format"],
    ['import x --format csv', 'Allowed choices are online-retail, segment-ndjson'],
    ['import x --format online-retail --source a/b', 'expected letters, digits'],
    ['person ada', 'expected a person written type:value'],
    ['person user_id:1 --events many', 'expected a whole number'],
    ['up --service storefront', 'Allowed choices are ingestion'],
    [
      'up --profile cluster --service profiles',
      'CLI_USAGE_SERVICE_ON_CLUSTER: expected --service with --profile embedded, which can run one service alone; got --service profiles with --profile cluster',
    ],
    [
      'up --replicas profiles=2 --replicas identity=1',
      'CLI_USAGE_REPLICAS_WITHOUT_CLUSTER: expected --replicas with --profile cluster; got --replicas profiles=2 --replicas identity=1 with --profile embedded',
    ],
    ['rejected list --limit 0', 'expected a whole number from 1 to 1000'],
  ])('refuses "rapport %s" as wrong usage', async (line, message) => {
    const { code, err, out } = await run(line);
    expect([code, out]).toEqual([exitCodes.usage, '']);
    expect(err).toContain(message);
  });

  it.each(['--help', 'import --help', 'playbook check --help'])('helps with %s', async (line) => {
    const { code, out } = await run(line);
    expect(code).toBe(exitCodes.done);
    expect(out).toContain('Usage: rapport');
  });

  it('says that no platform answers, in text and as JSON', async () => {
    const { code, err } = await run('person user_id:1');
    expect(code).toBe(exitCodes.unreachable);
    expect(err).toContain('PLATFORM_UNREACHABLE: expected a platform at http://127.0.0.1:9');
    const asJson = await run('explain d_1 --json');
    expect(JSON.parse(asJson.err)).toMatchObject({ error: { code: 'PLATFORM_UNREACHABLE' } });
  });

  it('says which file is missing before it looks for a platform', async () => {
    const { code, err } = await run('import /nowhere.csv --format online-retail');
    expect(code).toBe(exitCodes.notFound);
    expect(err).toContain('IMPORT_FILE_MISSING: expected a file at /nowhere.csv');
  });

  it('tells every wrong variable of its environment at once', async () => {
    const { code, err } = await run('tactics', { RAPPORT_HTTP_PORT: 'eighty', RAPPORT_GRPC_PORT: '-1' });
    expect(code).toBe(exitCodes.failed);
    expect(err).toMatch(/CONFIG_INVALID[^]*RAPPORT_HTTP_PORT[^]*RAPPORT_GRPC_PORT/);
  });
});

describe('rapport up', () => {
  it('names the taken port of a cluster before it starts engines', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const dataDir = await mkdtemp(join(tmpdir(), 'rapport-up-'));
    try {
      const { code, err, out } = await run('up --profile cluster --no-demo', {
        RAPPORT_HTTP_PORT: String(port),
        RAPPORT_DATA_DIR: dataDir,
      });
      expect([code, out]).toEqual([exitCodes.failed, '']);
      expect(err).toMatch(new RegExp(`^PORT_TAKEN: expected port ${port} to be free; .*RAPPORT_HTTP_PORT`));
    } finally {
      taken.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});

describe('rapport playbook', () => {
  let changed = '';
  beforeAll(async () => {
    changed = await mkdtemp(join(tmpdir(), 'rapport-playbook-'));
    await cp(sample, changed, { recursive: true });
    const journeys = await readFile(join(changed, 'journeys.yaml'), 'utf8');
    await writeFile(join(changed, 'journeys.yaml'), journeys.replace('wait: 1h', 'wait: 2h'));
    const placements = await readFile(join(changed, 'placements.yaml'), 'utf8');
    await writeFile(join(changed, 'placements.yaml'), `${placements}- name: footer\n`);
  });
  afterAll(async () => {
    await rm(changed, { recursive: true, force: true });
  });

  it('check finds the sample good and a broken one bad', async () => {
    expect(await run(`playbook check ${sample}`)).toEqual({
      code: exitCodes.done,
      out: 'No problems.\n',
      err: '',
    });
    await writeFile(join(changed, 'identity.yaml'), 'limts: {}\n');
    const { code, out } = await run(`playbook check ${changed}`);
    expect(code).toBe(exitCodes.failed);
    expect(out).toBe(
      `${changed}/identity.yaml:1:1 error: identity rules: unknown key "limts". Did you mean "limits"?\n1 error, 0 warnings.\n`,
    );
    const asJson = await run(`playbook check ${changed} --json`);
    expect(JSON.parse(asJson.out)).toMatchObject({
      errors: 1,
      problems: [{ file: 'identity.yaml', line: 1, column: 1 }],
    });
    await cp(join(sample, 'identity.yaml'), join(changed, 'identity.yaml'));
  });

  it('diff tells what changed, and nothing where lines only moved', async () => {
    const { code, out } = await run(`playbook diff ${changed} --against ${sample}`);
    expect(code).toBe(exitCodes.failed);
    expect(out).toBe('~ journeys cart_abandoned: steps.0.wait "1h" → "2h"\n+ placements footer\n');
    expect(await run(`playbook diff ${sample} --against ${sample}`)).toMatchObject({ code: exitCodes.done });
    expect(await run(`playbook diff ${sample} --against no-such-revision`)).toMatchObject({
      code: exitCodes.notFound,
    });
  });
});
