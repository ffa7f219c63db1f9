import type { GoldenCases, Manifest } from '../domain/manifest.js';
import type { VersionPolicy } from '../domain/versions.js';

/** The files of one version, read and checked for their form and digest. */
export interface VersionFiles {
  readonly model: Uint8Array;
  /** SHA-256 of the model, hex. */
  readonly sha256: string;
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
