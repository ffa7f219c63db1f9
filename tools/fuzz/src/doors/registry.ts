import { apiDoor } from './api-door.js';
import { badHttpDoor } from './bad-http-door.js';
import type { Door } from './door.js';
import { grpcDoor } from './grpc-door.js';
import { httpDoor } from './http-door.js';
import { mailDoor } from './mail-door.js';
import { modelsDoor } from './models-door.js';
import { recordsDoor } from './records-door.js';

/** Every way in. */
export const doors: readonly Door[] = [
  httpDoor,
  apiDoor,
  grpcDoor,
  badHttpDoor,
  modelsDoor,
  mailDoor,
  recordsDoor,
];
