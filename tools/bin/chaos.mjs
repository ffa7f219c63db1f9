#!/usr/bin/env node
// npm run chaos -- [--seeds 10] [--events 50000] [--kills 4] [--json]: builds what is stale, then runs tools/chaos.
import { join } from 'node:path';
import { installPackages, root } from './install.mjs';

installPackages();
await (await import('./build.mjs')).build();
await import(join(root, 'tools/chaos/dist/main.js'));
