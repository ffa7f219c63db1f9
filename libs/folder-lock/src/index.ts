export { lockFolder, type FolderLock } from './folder-lock.js';
