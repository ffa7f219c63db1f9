import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FeatureColumn, GoldenCases, Manifest } from '../domain/manifest.js';

/** A model repository in a temporary folder. */
export class ModelFolder {
  readonly root = mkdtempSync(join(tmpdir(), 'rapport-models-'));

  /** Writes a version; what is undefined is left out. */
  put(
    name: string,
    version: string,
    files: { readonly model: Uint8Array; readonly manifest?: unknown; readonly golden?: unknown },
  ): void {
    const folder = join(this.root, name, version);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'model.onnx'), files.model);
    if (files.manifest !== undefined)
      writeFileSync(join(folder, 'manifest.json'), JSON.stringify(files.manifest));
    if (files.golden !== undefined) writeFileSync(join(folder, 'golden.json'), JSON.stringify(files.golden));
  }

  /** Writes any file under the root. */
  write(path: string, content: string | Uint8Array): void {
    mkdirSync(join(this.root, path, '..'), { recursive: true });
    writeFileSync(join(this.root, path), content);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** A manifest of a scorer with input `features` and output `score`, as `logisticModel` has them. */
export function scorerManifest(
  name: string,
  version: string,
  model: Uint8Array,
  features: readonly FeatureColumn[],
): Manifest {
  return {
    format: 'rapport-model/1',
    name,
    version,
    sha256: createHash('sha256').update(model).digest('hex'),
    scorer: { inputTensor: 'features', features, outputTensor: 'score', outputColumn: 0 },
  };
}

/** Golden cases of a logistic model, computed here in 64 bits. */
export function logisticGolden(features: readonly FeatureColumn[], weights: readonly number[]): GoldenCases {
  const rows: Readonly<Record<string, number>>[] = [
    {},
    Object.fromEntries(features.map(({ name }, at) => [name, at + 1])),
  ];
  return {
    tolerance: 1e-6,
    cases: rows.map((values) => {
      const sum = features.reduce(
        (total, feature, at) => total + (values[feature.name] ?? feature.default) * (weights[at] ?? 0),
        0,
      );
      return { values, score: 1 / (1 + Math.exp(-sum)) };
    }),
  };
}
