import type { ComputedTraitDefinition } from '@rapport/playbook';
import { elementCount, viewOf, type Tensor } from '../domain/datatypes.js';
import { tensorOfRows } from '../domain/feature-rows.js';
import { replaysOf } from '../domain/golden.js';
import { featureMismatch, signatureMismatch, type Manifest } from '../domain/manifest.js';
import type { TensorSpec } from '../domain/signature.js';
import { modelsError } from '../model-serving.errors.js';
import type { ModelFiles, VersionFiles } from '../ports/model-files.js';
import type { ModelRuntime, OpenModel } from '../ports/model-runtime.js';

/** A version that passed every check. */
export interface LoadedVersion {
  readonly open: OpenModel;
  readonly sha256: string;
  readonly manifest?: Manifest | undefined;
}

export interface LoadVersionPorts {
  readonly files: ModelFiles;
  readonly runtime: ModelRuntime;
  /** The features that exist: the playbook's computed traits. */
  readonly computedTraits: readonly ComputedTraitDefinition[];
  /** A model whose quickest probe takes longer runs in a thread of its own. */
  readonly inlineMaxMs: number;
}

/** Rows that a scorer is probed with: the candidates of one decision. */
const probeRows = 100;
/** Enough runs that the quickest is not one that the machine disturbed. */
const probeRuns = 15;

/**
 * Reads, checks, opens and replays one version. It opens in a thread first, so that a model that turns out to be
 * slow or broken never held up the serving thread; one that proves quick moves inline.
 */
export function createLoadVersion(ports: LoadVersionPorts) {
  return async function loadVersion(name: string, version: string): Promise<LoadedVersion> {
    const files = await ports.files.read(name, version);
    const scorer = files.manifest?.scorer;
    const mismatch = scorer && featureMismatch(scorer.features, ports.computedTraits);
    if (mismatch !== undefined) throw modelsError('MODELS_VERSION_BROKEN', mismatch);
    const inThread = await ports.runtime.open(files.model.slice(), 'worker');
    try {
      await verify(inThread, files);
      const probeMs = await quickestProbeMs(inThread, files.manifest);
      if (probeMs === undefined || probeMs > ports.inlineMaxMs) {
        return { open: inThread, sha256: files.sha256, manifest: files.manifest };
      }
    } catch (thrown) {
      await inThread.close();
      throw thrown;
    }
    const inline = await ports.runtime.open(files.model, 'inline');
    await inThread.close();
    return { open: inline, sha256: files.sha256, manifest: files.manifest };
  };
}

/** The description fits the model, and the golden cases give what they gave where it was trained. */
async function verify(open: OpenModel, files: VersionFiles): Promise<void> {
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

/** The quickest of a few runs on input of a usual size; undefined where made-up input is refused. */
async function quickestProbeMs(open: OpenModel, manifest: Manifest | undefined): Promise<number | undefined> {
  const scorer = manifest?.scorer;
  const inputs =
    scorer === undefined
      ? open.signature.inputs.map(zerosOf)
      : [
          tensorOfRows(
            scorer,
            Array.from({ length: probeRows }, () => ({})),
          ),
        ];
  const outputs = open.signature.outputs.map(({ name }) => name);
  let quickest: number | undefined;
  try {
    for (let run = 0; run < probeRuns; run++) {
      const { computeMs } = await open.run(inputs, outputs);
      quickest = Math.min(quickest ?? computeMs, computeMs);
    }
  } catch {
    return undefined;
  }
  return quickest;
}

/** An input of zeros or empty texts, with 1 for every dimension that may vary. */
function zerosOf(spec: TensorSpec): Tensor {
  const shape = spec.shape.map((dimension) => (dimension === -1 ? 1 : dimension));
  const count = elementCount(shape);
  const { name, datatype } = spec;
  if (datatype === 'BYTES') return { name, datatype, shape, elements: new Array<string>(count).fill('') };
  return { name, datatype, shape, elements: viewOf(datatype, new ArrayBuffer(count * 8), 0, count) };
}
