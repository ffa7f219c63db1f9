export { createProfilesRoom, ProfilesModule } from './profiles.module.js';
