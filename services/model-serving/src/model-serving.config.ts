import { readConfig, z } from '@rapport/config';

const schema = z.object({
  /** Folder of the model repository: <name>/<version>/{model.onnx, manifest.json, golden.json}. */
  RAPPORT_MODELS_DIR: z.string().default('./models'),
  /** Milliseconds: a model that computes 100 rows (or its smallest input) within it runs in the serving thread. */
  RAPPORT_MODELS_INLINE_MAX_MS: z.coerce.number().min(0).max(100).default(0.2),
});

export type ModelServingConfig = ReturnType<typeof readModelServingConfig>;

/** Throws CONFIG_INVALID with all problems at once. */
export function readModelServingConfig(environment: Readonly<Record<string, string | undefined>>) {
  return readConfig(schema, environment);
}
