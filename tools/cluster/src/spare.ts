import { pathToFileURL } from 'node:url';
import { readHostConfig, warmUp } from '@rapport/service-host';
import type { Begin } from './spare-process.js';

// A process that is to become a service: it loads what services need, rehearses a start, holds nothing open, and waits
// for the word which one it is. Arguments: modules to load ahead. It leaves with its parent.
const leave = (): never => process.exit();
process.once('disconnect', leave);
const told = new Promise<Begin>((resolve) => process.once('message', (begin: Begin) => resolve(begin)));
await warmUp(readHostConfig(process.env));
for (const path of process.argv.slice(2)) await import(pathToFileURL(path).href);
const { main, environment } = await told;
for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
Object.assign(process.env, environment);
process.title = environment['RAPPORT_INSTANCE'] ?? process.title;
await import(pathToFileURL(main).href);
// The service that runs now stops in order when its parent is gone.
process.off('disconnect', leave);
