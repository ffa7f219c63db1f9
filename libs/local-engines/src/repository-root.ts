import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout that this library belongs to, from sources as from dist. */
export const repositoryRoot: string = (() => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'infra/local/keeper.mjs'))) {
    const parent = dirname(folder);
    if (parent === folder)
      throw new Error('infra/local is missing: local engines run from a checkout of the repository only');
    folder = parent;
  }
  return folder;
})();
