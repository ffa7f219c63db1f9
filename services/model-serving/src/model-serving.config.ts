import { duration, readConfig, z } from '@rapport/config';

const schema = z.object({
  /** Folder of the model repository: <name>/<version>/{model.onnx, manifest.json, golden.json}. */
  RAPPORT_MODELS_DIR: z.string().default('./models'),
  /** Milliseconds: a call of a row-wise model that is expected to take no longer runs in the serving thread; 0: none does. */
  RAPPORT_MODELS_INLINE_MAX_MS: z.coerce.number().min(0).max(100).default(0.2),
  /** A run of a model that takes longer is ended together with the model's process, which is started again. */
  RAPPORT_MODELS_RUN_MAX: duration('60s'),
});

export type ModelServingConfig = ReturnType<typeof readModelServingConfig>;

/** Throws CONFIG_INVALID with all problems at once. */
export function readModelServingConfig(environment: Readonly<Record<string, string | undefined>>) {
  return readConfig(schema, environment);
}

/** What of this process's environment a model's process needs to find its libraries. */
export function librariesEnvironment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'SystemRoot', 'TMPDIR', 'TEMP'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
