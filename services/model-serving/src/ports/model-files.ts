import type { Graph } from '../domain/graph.js';
import type { GoldenCases, Manifest } from '../domain/manifest.js';
import type { VersionPolicy } from '../domain/versions.js';

/** Where a model's bytes are, and what they were when they were read. */
export interface ModelSource {
  /** Absolute path of model.onnx. */
  readonly path: string;
  /** SHA-256 of model.onnx, hex. */
  readonly sha256: string;
  /** The bytes themselves, for a model so small that they are kept. */
  readonly bytes: Uint8Array | undefined;
  /** Absolute paths and SHA-256 of the files that hold its external data. */
  readonly external: readonly { readonly path: string; readonly sha256: string }[];
}

/** The files of one version, read and checked for their form and digest. */
export interface VersionFiles {
  readonly model: ModelSource;
  /**
   * Hex: the SHA-256 of model.onnx; with external data, that of the lines `<SHA-256>  <path>\n` of model.onnx and of
   * every file of external data, sorted by path within the folder, as `sha256sum` prints them.
   */
  readonly sha256: string;
  /** Undefined for a model too large to be looked at node by node. */
  readonly graph: Graph | undefined;
  readonly manifest?: Manifest | undefined;
  readonly golden?: GoldenCases | undefined;
}

/** The model repository: `<name>/<version>/{model.onnx, manifest.json, golden.json}`. */
export interface ModelFiles {
  /** Names with their versions, both sorted. */
  list(): Promise<readonly { readonly name: string; readonly versions: readonly string[] }[]>;
  /** `<name>/policy.json`; undefined where there is none. Throws MODELS_VERSION_BROKEN when it is not in order. */
  policy(name: string): Promise<VersionPolicy | undefined>;
  /** Throws MODELS_NOT_FOUND without such a version, MODELS_VERSION_BROKEN when a file is not in order. */
  read(name: string, version: string): Promise<VersionFiles>;
}
