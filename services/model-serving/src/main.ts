import { runService } from '@rapport/service-host';
import { ModelServingModule } from './model-serving.module.js';

await runService('model-serving', ModelServingModule);
