// Installs what is missing: npm packages by the lockfile, once per lockfile. Quiet when there is nothing to do.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Makes node_modules equal to package-lock.json. Exits with one clear line when it cannot. */
export function installPackages() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`Rapport needs Node 20.19 or newer; this is ${process.version}.`);
    process.exit(1);
  }
  const digest = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const marker = join(root, 'node_modules/.rapport-lockfile');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === digest) return;
  console.log('Installing packages (once per lockfile) …');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) {
    console.error('npm ci failed: expected a reachable npm registry and an unchanged package-lock.json.');
    process.exit(1);
  }
  writeFileSync(marker, digest);
}
