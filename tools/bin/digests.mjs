#!/usr/bin/env node
// npm run digests -- [month|online-retail] [--json]: builds what is stale, then compares the two forms of the platform.
import { join } from 'node:path';
import { installPackages, root } from './install.mjs';

installPackages();
await (await import('./build.mjs')).build();
await import(join(root, 'tools/chaos/dist/digests/main.js'));
