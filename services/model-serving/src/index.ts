export { createModelServingRoom, ModelServingModule } from './model-serving.module.js';
