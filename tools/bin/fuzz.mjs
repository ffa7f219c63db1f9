#!/usr/bin/env node
// npm run fuzz -- [--seed 1] [--seconds 60] [--doors http,api,grpc,models,records,mail] [--json]: builds what is stale, then runs tools/fuzz.
import { join } from 'node:path';
import { installPackages, root } from './install.mjs';

installPackages();
await (await import('./build.mjs')).build();
await import(join(root, 'tools/fuzz/dist/main.js'));
