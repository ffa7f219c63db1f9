export { causeOfCommit, tolerateDroppedCommits, withTransaction } from './commit-failure.js';
