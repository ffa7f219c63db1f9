#!/usr/bin/env node
// The command line. Builds what is stale first (a fresh clone has nothing built), then runs tools/cli.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages, root } from './install.mjs';

const entry = join(root, 'tools/cli/dist/main.js');
if (!existsSync(join(root, 'node_modules/commander'))) installPackages();
if (existsSync(join(root, 'tools/cli/src'))) await (await import('./build.mjs')).build();
await import(entry);
