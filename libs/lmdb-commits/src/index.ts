export { causeOfCommit, tolerateDroppedCommits } from './commit-failure.js';
