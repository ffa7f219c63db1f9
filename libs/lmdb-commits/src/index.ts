export { causeOfCommit, tolerateDroppedCommits } from './commit-failure.js';
export { refuseDamagedFile } from './whole-file.js';
