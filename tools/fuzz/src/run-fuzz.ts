import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { messageOf } from '@rapport/kernel';
import { AcceptedBook } from './accepted-book.js';
import { checkOutcome } from './check-outcome.js';
import { answerWithinMs, ConnectionBroke, type Door, type Fault, type Target } from './doors/door.js';
import { closeConnections } from './doors/http-client.js';
import { doors } from './doors/registry.js';
import { Findings, type Finding } from './findings.js';
import { endsWithinMs, FuzzedPlatform } from './fuzzed-platform.js';
import { writeModels } from './inputs/onnx-models.js';
import { settle, Watch } from './watch.js';

export interface RunFuzzOptions {
  readonly root: string;
  readonly seed: number;
  readonly seconds: number;
  /** Names of doors; default all. */
  readonly doors?: readonly string[];
  /** Told what was found, as it is found, and how far it is, now and then. */
  readonly say: (line: string) => void;
  /** Told every second. */
  readonly progress?: (line: string) => void;
}

export interface FuzzReport {
  readonly seed: number;
  readonly seconds: number;
  /** Inputs sent, by door. */
  readonly inputs: Readonly<Record<string, number>>;
  /** Answers, by what they were. */
  readonly answers: Readonly<Record<string, number>>;
  readonly accepted: number;
  readonly longestHealthMs: number;
  readonly longestStandstillMs: number;
  /** Of the process's own memory (RssAnon), MiB: the median of minute 3, and of the end when all was quiet; 0 where it was too short. */
  readonly memoryMinute3: number;
  readonly memoryEnd: number;
  readonly deaths: number;
  readonly findings: readonly (Finding & { readonly count: number })[];
}

const writeKey = 'fuzz-key-of-the-shop';
const browserKey = 'fuzz-key-of-the-page';
/** What was accepted must be done with after this long without new input. */
const settleWithinMs = 60_000;
const mostDeaths = 6;
const mostShrinks = 80;
const mostShrinkingMs = 8_000;
const mostSuspects = 20;
/** A connection that broke so long before the process was seen dead broke because of it. */
const suspectedForMs = 5_000;
/** Each costs some seconds. */
const mostRestarts = 8;

/** Fuzzes one platform through its doors for a time, then checks what has to hold in the end, after a stop and after a kill. */
export async function runFuzz(options: RunFuzzOptions): Promise<FuzzReport> {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'rapport-fuzz-'));
  try {
    return await new Fuzzing(options, folder).run();
  } finally {
    await closeConnections();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Fuzzing {
  readonly #findings: Findings;
  readonly #inputs: Record<string, number> = {};
  readonly #answers: Record<string, number> = {};
  readonly #book: AcceptedBook;
  readonly #doors: readonly Door[];
  /** Inputs whose connection broke, the newest: the suspects when the process dies. */
  #suspects: Suspect[] = [];
  #deaths = 0;
  /** While one input after the other is tried by itself. */
  #isIsolating = false;

  constructor(
    private readonly options: RunFuzzOptions,
    private readonly folder: string,
  ) {
    this.#findings = new Findings(options.say);
    let draws = options.seed;
    this.#book = new AcceptedBook(() => (draws = (draws * 48_271) % 2_147_483_647) / 2_147_483_647);
    const unknown = options.doors?.filter((name) => !doors.some((door) => door.name === name)) ?? [];
    if (unknown.length > 0)
      throw new Error(`expected some of ${doors.map(({ name }) => name).join()}; got ${unknown.join()}`);
    this.#doors = doors.filter(({ name }) => options.doors?.includes(name) ?? true);
  }

  async run(): Promise<FuzzReport> {
    const { root, seconds, say } = this.options;
    const playbookDir = join(this.folder, 'playbook');
    writePlaybook(root, playbookDir);
    const modelsDir = join(this.folder, 'models');
    cpSync(join(root, 'models'), modelsDir, { recursive: true });
    writeModels(modelsDir);
    mkdirSync(join(this.folder, 'data'));
    const environment: Record<string, string> = {
      RAPPORT_MODELS_DIR: modelsDir,
      RAPPORT_WRITE_KEYS: `shop:server=${writeKey},page:browser=${browserKey}`,
      RAPPORT_BROWSER_EXTERNAL_IDS: 'crm_id',
      RAPPORT_WEBHOOK_SECRET: `whsec_${Buffer.from('a secret of nobody, 32 bytes long').toString('base64')}`,
    };
    for (const door of this.#doors) Object.assign(environment, await door.prepare?.({ playbookDir }));
    const platform = await FuzzedPlatform.start({
      dataDir: join(this.folder, 'data'),
      playbookDir,
      environment,
      onErrorLogged: (line) => {
        const what = /"msg":"([^"]*)"/.exec(line)?.[1] ?? 'no message';
        this.#findings.add('error logged', what, line);
      },
    });
    const watch = new Watch(platform, this.#findings);
    const began = performance.now();
    const until = began + seconds * 1_000;
    const target = this.#target(platform, modelsDir);
    const progress = setInterval(() => {
      const at = Math.round((performance.now() - began) / 1_000);
      this.options.progress?.(
        `${at}/${seconds} s  inputs ${this.#sent()}  accepted ${this.#book.size}  waiting ${watch.waiting}  memory ${mib(watch.memory.at(-1) ?? 0)} MiB  found ${this.#findings.all().length}`,
      );
    }, 1_000);
    try {
      const lanes = this.#doors.flatMap((door) =>
        Array.from({ length: door.lanes }, (_, lane) =>
          this.#lane(door, lane, { platform, watch, target, until }),
        ),
      );
      await Promise.all([...lanes, this.#reviveUntil(platform, target, until)]);
      for (const door of this.#doors) door.calm?.();
      say(`sent ${this.#sent()} inputs; ${this.#book.size} events accepted`);
      const minute3 = medianOf(watch.memory.slice(120, 180));
      await this.#mustSettle(platform, target, 'after the fuzzing');
      // What the heap gives back it gives back within seconds.
      const quietFrom = watch.memory.length;
      if (seconds >= 300) await pause(20_000);
      const end = medianOf(watch.memory.slice(Math.max(quietFrom, watch.memory.length - 20)));
      if (seconds >= 300 && end > 1.1 * minute3)
        this.#findings.add(
          'memory',
          'RssAnon',
          `expected at most 1.1 × ${mib(minute3)} MiB at the end; got ${mib(end)}`,
        );
      for (const how of ['SIGTERM', 'SIGKILL'] as const) {
        if (!(await this.#restart(platform, how))) break;
        await this.#mustSettle(platform, target, `after ${how}`);
      }
      await watch.stop();
      await platform.stop();
      return {
        seed: this.options.seed,
        seconds,
        inputs: this.#inputs,
        answers: this.#answers,
        accepted: this.#book.size,
        longestHealthMs: Math.round(watch.longestHealthMs),
        longestStandstillMs: Math.round(watch.longestStandstillMs),
        memoryMinute3: mib(minute3),
        memoryEnd: mib(end),
        deaths: this.#deaths,
        findings: this.#findings.all(),
      };
    } finally {
      clearInterval(progress);
      await watch.stop();
      await platform.stop();
      for (const door of this.#doors) await door.close?.();
    }
  }

  #target(platform: FuzzedPlatform, modelsDir: string): Target {
    return {
      get httpUrl() {
        return platform.httpUrl;
      },
      get grpcAddress() {
        return platform.grpcAddress;
      },
      writeKey,
      browserKey,
      apiToken: platform.apiToken,
      modelsDir,
      accepted: (messageId, persons) => this.#book.add(messageId, persons),
      count: (what) => void (this.#answers[what] = (this.#answers[what] ?? 0) + 1),
      ask: (asked) => platform.ask(asked),
    };
  }

  /** One after the other, each from a seed of its own, until the time is over. */
  async #lane(
    door: Door,
    lane: number,
    run: { platform: FuzzedPlatform; watch: Watch; target: Target; until: number },
  ): Promise<void> {
    const { platform, watch, target, until } = run;
    for (let nth = 0; performance.now() < until && this.#deaths < mostDeaths; nth++) {
      while (
        (this.#isIsolating || platform.death !== undefined || (door.feedsTheLog && watch.isBehind)) &&
        performance.now() < until
      )
        await pause(50);
      const seed = seedOf(this.options.seed, door.name, lane, nth);
      await this.#one(door, seed, `${this.options.seed}-${door.name}-${lane}-${nth}`, platform, target);
      this.#inputs[door.name] = (this.#inputs[door.name] ?? 0) + 1;
    }
  }

  /** Sends the input of a seed; where it shows a new fault, looks for the smallest one that does. */
  async #one(door: Door, seed: number, nth: string, platform: FuzzedPlatform, target: Target): Promise<void> {
    let first: Fault | undefined;
    let tries = 0;
    let until = Infinity;
    const property = fc.asyncProperty(door.inputs, async (input) => {
      if (
        first !== undefined &&
        (tries++ > mostShrinks || performance.now() > until || platform.death !== undefined)
      )
        return;
      let fault: Fault | undefined;
      try {
        fault = await withinTime(door, input, target, nth);
      } catch (thrown) {
        if (thrown instanceof ConnectionBroke) this.#suspect({ door, seed, nth, atMs: performance.now() });
        // Anything else while the platform runs is a bug of the fuzzer.
        else if (platform.death === undefined && !/is gone/.test(String(thrown))) throw thrown;
      }
      if (fault === undefined) return;
      if (first === undefined && this.#findings.has(fault.kind, fault.place))
        return this.#findings.count(fault.kind, fault.place);
      if (first !== undefined && fault.place !== first.place) return;
      first ??= fault;
      until = Math.min(until, performance.now() + mostShrinkingMs);
      // What hangs is not tried again and again.
      if (fault.kind === 'no answer') tries = mostShrinks;
      throw new FoundFault(fault.text);
    });
    const result = await fc.check(property, { seed, numRuns: 1 });
    if (!result.failed) return;
    if (first === undefined) throw result.errorInstance;
    const [smallest] = result.counterexample ?? [];
    const text = `${result.errorInstance instanceof FoundFault ? result.errorInstance.message : ''}\nseed ${nth}: ${door.show(smallest)}`;
    this.#findings.add(first.kind, first.place, text);
  }

  /** Starts a platform again that died, and tells what was on its way then. */
  async #reviveUntil(platform: FuzzedPlatform, target: Target, until: number): Promise<void> {
    while (performance.now() < until && this.#deaths < mostDeaths) {
      if (platform.death !== undefined) await this.#revive(platform, target);
      await pause(100);
    }
    if (platform.death !== undefined) await this.#revive(platform, target);
  }

  async #revive(platform: FuzzedPlatform, target: Target): Promise<void> {
    const { death } = platform;
    if (death === undefined) return;
    this.#deaths++;
    this.#isIsolating = true;
    // The lanes notice a little later than the process that watches.
    await pause(200);
    const suspects = this.#suspects.filter(({ atMs }) => atMs > performance.now() - suspectedForMs);
    if (!(await this.#restart(platform, 'dead'))) return;
    const cause =
      (await this.#isolate(platform, target, suspects)) ??
      `none of ${suspects.length} inputs does it alone: ${suspects.map(({ nth }) => nth).join()}`;
    this.#isIsolating = false;
    this.#findings.add('died', death.how, `${cause}\nit printed:\n${death.output.slice(-1_500)}`);
  }

  /** The smallest input found that kills the process by itself. */
  async #isolate(
    platform: FuzzedPlatform,
    target: Target,
    suspects: readonly Suspect[],
  ): Promise<string | undefined> {
    for (const { door, seed, nth } of suspects) {
      let restarts = 0;
      const property = fc.asyncProperty(door.inputs, async (input) => {
        if (restarts > mostRestarts) return;
        await door.send(input, target, nth).catch(() => undefined);
        await pause(200);
        if (platform.death === undefined) return;
        restarts++;
        await platform.restart('dead');
        throw new FoundFault();
      });
      const { counterexample } = await fc.check(property, { seed, numRuns: 1 });
      if (counterexample !== null) return `seed ${nth}: ${door.show(counterexample[0])}`;
    }
    return undefined;
  }

  #suspect(suspect: Suspect): void {
    this.#suspects = [...this.#suspects.filter(({ nth }) => nth !== suspect.nth), suspect].slice(
      -mostSuspects,
    );
  }

  /** Whether it starts on what it has stored; where it does not, the run is over. */
  async #restart(platform: FuzzedPlatform, how: 'SIGTERM' | 'SIGKILL' | 'dead'): Promise<boolean> {
    try {
      const tookMs = await platform.restart(how);
      if (tookMs >= endsWithinMs)
        this.#findings.add(
          'no answer',
          how,
          `it had not ended after ${endsWithinMs} ms:\n${platform.output().slice(-1_000)}`,
        );
      return true;
    } catch (thrown) {
      this.#findings.add('died', `at the start after ${how}`, messageOf(thrown).slice(-1_500));
      this.#deaths = mostDeaths;
      return false;
    }
  }

  async #mustSettle(platform: FuzzedPlatform, target: Target, when: string): Promise<void> {
    const { lags, told, notReady } = await settle(platform, settleWithinMs);
    if (platform.death !== undefined) return await this.#revive(platform, target);
    const behind = lags.filter(({ lag }) => lag > 0);
    for (const { group, lag, waitsAt } of behind) {
      const places = waitsAt.map(
        ({ topic, partition, offset, value }) => `${topic}/${partition}@${offset} ${value.slice(0, 700)}`,
      );
      this.#findings.add(
        'lag',
        `${group} ${when}`,
        `${lag} records wait after ${settleWithinMs / 1000} s:\n${places.join('\n')}`,
      );
    }
    if (behind.length === 0 && told.length > 0)
      this.#findings.add('lag', `/v1/status ${when}`, told.join('\n'));
    if (notReady !== undefined) this.#findings.add('not ready', when, notReady);
    if (behind.length === 0 && notReady === undefined)
      await checkOutcome(platform, this.#book, this.#findings, when);
    else this.#findings.add('not ready', `it printed ${when}`, platform.output().slice(-1_500));
  }

  #sent(): number {
    return Object.values(this.#inputs).reduce((sum, count) => sum + count, 0);
  }
}

/** The sample with what `tools/fuzz/playbook` puts in its place and adds to it. */
function writePlaybook(root: string, playbookDir: string): void {
  cpSync(join(root, 'playbook'), playbookDir, { recursive: true });
  const own = join(root, 'tools/fuzz/playbook');
  cpSync(join(own, 'replaced'), playbookDir, { recursive: true });
  for (const file of readdirSync(join(own, 'added')))
    appendFileSync(join(playbookDir, file), `\n${readFileSync(join(own, 'added', file), 'utf8')}`);
}

interface Suspect {
  readonly door: Door;
  readonly seed: number;
  readonly nth: string;
  readonly atMs: number;
}

class FoundFault extends Error {}

/** Sends, and does not wait for ever for a call that neither ends nor fails. */
async function withinTime(
  door: Door,
  input: unknown,
  target: Target,
  nth: string,
): Promise<Fault | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Fault>((resolve) => {
    const fault: Fault = { kind: 'no answer', place: door.name, text: 'the call neither ended nor failed' };
    timer = setTimeout(() => resolve(fault), answerWithinMs * 1.2);
  });
  try {
    return await Promise.race([door.send(input, target, nth), late]);
  } finally {
    clearTimeout(timer);
  }
}

const mib = (bytes: number): number => Math.round(bytes / (1 << 20));

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** A seed of an input that says where it comes from (FNV-1a). */
function seedOf(seed: number, door: string, lane: number, nth: number): number {
  let hash = 0x811c9dc5;
  for (const character of `${seed} ${door} ${lane} ${nth}`)
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return hash | 0;
}
