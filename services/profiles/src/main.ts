import { runService } from '@rapport/service-host';
import { ProfilesModule } from './profiles.module.js';

await runService('profiles', ProfilesModule);
