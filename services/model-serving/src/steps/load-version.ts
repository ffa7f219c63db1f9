import type { ComputedTraitDefinition } from '@rapport/playbook';
import { CostModel, type MeasuredRun } from '../domain/cost-model.js';
import { elementCount, viewOf, type Tensor } from '../domain/datatypes.js';
import { tensorOfRows } from '../domain/feature-rows.js';
import { replaysOf } from '../domain/golden.js';
import {
  featureMismatch,
  signatureMismatch,
  type Manifest,
  type ScorerDescription,
} from '../domain/manifest.js';
import { elementsOf } from '../domain/row-parts.js';
import { notRowWise } from '../domain/row-wise.js';
import type { Signature, TensorSpec } from '../domain/signature.js';
import { modelsError } from '../model-serving.errors.js';
import type { ModelFiles, VersionFiles } from '../ports/model-files.js';
import type { ModelProcess, ModelRuntime, ModelSession } from '../ports/model-runtime.js';
import { PlacedModel } from './placed-model.js';
import { ProcessLane } from './process-lane.js';

/** A version that passed every check. */
export interface LoadedVersion {
  readonly open: PlacedModel;
  readonly sha256: string;
  readonly manifest?: Manifest | undefined;
  /** Why the model runs in a process of its own alone; undefined for one whose small calls run in the serving thread. */
  readonly apart?: string | undefined;
}

export interface LoadVersionPorts {
  readonly files: ModelFiles;
  readonly runtime: ModelRuntime;
  /** The features that exist: the playbook's computed traits. */
  readonly computedTraits: readonly ComputedTraitDefinition[];
  /** A call expected to take longer runs in a process of the model. */
  readonly inlineMaxMs: number;
  readonly onCrash: (name: string, version: string, reason: string) => void;
}

/** Rows that a model is measured with: the candidates of one decision. */
const probeRows = 100;
/** Enough runs that the quickest is not one that the machine disturbed, within a time. */
const probeRuns = 15;
const probeMs = 100;
/** How long the process of a model that has a session in the serving thread too is kept for the next large call. */
const idleMs = 60_000;

/**
 * Reads, checks, opens and replays one version. All of it happens in a process of the model first, so that one that is
 * slow, broken or hostile to the process it is in never comes near the serving thread; a row-wise one that proves
 * quick is opened there as well.
 */
export function createLoadVersion(ports: LoadVersionPorts) {
  return async function loadVersion(name: string, version: string): Promise<LoadedVersion> {
    const files = await ports.files.read(name, version);
    const { sha256, manifest, model } = files;
    const mismatch = manifest?.scorer && featureMismatch(manifest.scorer.features, ports.computedTraits);
    if (mismatch !== undefined) throw modelsError('MODELS_VERSION_BROKEN', mismatch);
    let process = await ports.runtime.openProcess(model);
    try {
      const { inputs, outputs } = process.signature;
      await verify(process, files);
      const notRows = files.graph === undefined ? 'it is too large to be looked at' : notRowWise(files.graph);
      const cost = notRows === undefined ? await costOf(process, manifest) : undefined;
      const takesNoRows = await answersWithoutRows(process);
      const signature: Signature = { inputs, outputs, takesNoRows };
      const apart = notRows ?? apartBecause(files, cost, ports.inlineMaxMs, signature);
      const inline =
        apart === undefined && model.bytes !== undefined
          ? await ports.runtime.openInline(model.bytes)
          : undefined;
      // One that the last probe ended gives way to a fresh one.
      if (inline !== undefined || process.ended() !== undefined) await process.close();
      if (inline === undefined && process.ended() !== undefined)
        process = await ports.runtime.openProcess(model);
      const lane = new ProcessLane(
        {
          open: () => ports.runtime.openProcess(model),
          idleMs: inline === undefined ? undefined : idleMs,
          nowMs: () => performance.now(),
          onCrash: (reason) => ports.onCrash(name, version, reason),
        },
        inline === undefined ? process : undefined,
      );
      const rowWise = cost && { cost, inline };
      const open = new PlacedModel(signature, lane, rowWise, ports.inlineMaxMs);
      return { open, sha256, manifest, apart };
    } catch (thrown) {
      await process.close();
      throw thrown;
    }
  };
}

/** Why no call of a row-wise model is to run in the serving thread. */
function apartBecause(
  files: VersionFiles,
  cost: CostModel | undefined,
  inlineMaxMs: number,
  signature: Signature,
): string | undefined {
  if (files.model.bytes === undefined) return 'it is large or has external data';
  if (cost === undefined) return 'it did not answer made-up rows';
  const oneRow = cost.estimateMs(elementsOf(signature.inputs.map((input) => zerosOf(input, 1))));
  return oneRow > inlineMaxMs ? `a run takes ${oneRow.toFixed(2)} ms at least` : undefined;
}

/** The description fits the model, and the golden cases give what they gave where it was trained. */
async function verify(open: ModelSession, files: VersionFiles): Promise<void> {
  const scorer = files.manifest?.scorer;
  const mismatch = scorer && signatureMismatch(scorer, open.signature);
  if (mismatch !== undefined) throw modelsError('MODELS_VERSION_BROKEN', mismatch);
  if (files.golden === undefined) {
    if (scorer === undefined) return;
    throw modelsError(
      'MODELS_VERSION_BROKEN',
      'expected golden.json beside a model that scores people; there is none',
    );
  }
  const outputs = open.signature.outputs.map(({ name }) => name);
  for (const replay of replaysOf(files.golden, open.signature, scorer)) {
    const difference = replay.difference((await open.run(replay.inputs, outputs)).outputs);
    if (difference !== undefined) throw modelsError('MODELS_VERSION_BROKEN', difference);
  }
}

/** What runs cost, by one row and by as many as a decision has; undefined where made-up rows are not answered row by row. */
async function costOf(session: ModelSession, manifest: Manifest | undefined): Promise<CostModel | undefined> {
  const measured: MeasuredRun[] = [];
  for (const rows of [1, probeRows]) {
    const inputs = madeUp(session, manifest?.scorer, rows);
    const ms = await quickestMs(session, inputs, rows);
    if (ms === undefined) return undefined;
    measured.push({ elements: elementsOf(inputs), ms });
  }
  const [few, many] = measured;
  return few && many && new CostModel(few, many);
}

function madeUp(
  session: ModelSession,
  scorer: ScorerDescription | undefined,
  rows: number,
): readonly Tensor[] {
  if (scorer === undefined) return session.signature.inputs.map((spec) => zerosOf(spec, rows));
  return [
    tensorOfRows(
      scorer,
      Array.from({ length: rows }, () => ({})),
    ),
  ];
}

async function quickestMs(
  session: ModelSession,
  inputs: readonly Tensor[],
  rows: number,
): Promise<number | undefined> {
  const names = session.signature.outputs.map(({ name }) => name);
  const endMs = performance.now() + probeMs;
  let quickest = Infinity;
  try {
    for (let run = 0; run < probeRuns && (run === 0 || performance.now() < endMs); run++) {
      const { outputs, computeMs } = await session.run(inputs, names);
      if (outputs.some(({ shape }) => shape[0] !== rows)) return undefined;
      quickest = Math.min(quickest, computeMs);
    }
  } catch {
    return undefined;
  }
  return quickest;
}

/** Whether a model answers without rows; native code that ends the process over them ends its own. */
async function answersWithoutRows(process: ModelProcess): Promise<boolean> {
  const { inputs, outputs } = process.signature;
  if (inputs.some(({ shape }) => shape.length === 0) || !inputs.some(({ shape }) => shape[0] === -1))
    return false;
  const names = outputs.map(({ name }) => name);
  return await process
    .run(
      inputs.map((spec) => zerosOf(spec, 0)),
      names,
    )
    .then(
      () => true,
      () => false,
    );
}

/** An input of zeros or empty texts, with 1 for every dimension that may vary but the first. */
function zerosOf(spec: TensorSpec, rows: number): Tensor {
  const shape = spec.shape.map((dimension, axis) => (dimension !== -1 ? dimension : axis === 0 ? rows : 1));
  const count = elementCount(shape);
  const { name, datatype } = spec;
  if (datatype === 'BYTES') return { name, datatype, shape, elements: new Array<string>(count).fill('') };
  return { name, datatype, shape, elements: viewOf(datatype, new ArrayBuffer(count * 8), 0, count) };
}
