import { runService } from '@rapport/service-host';
import { IdentityModule } from './identity.module.js';

await runService('identity', IdentityModule);
