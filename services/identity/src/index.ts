export { createIdentityRoom, IdentityModule } from './identity.module.js';
