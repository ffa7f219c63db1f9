export { duration, flag, readConfig, wholeNumber, z } from './read-config.js';
