import type { ImportFormat } from './import-format.js';
import { onlineRetail } from './online-retail-file.js';
import { segmentNdjson } from './segment-ndjson.js';

/** Every kind of file that can be imported. */
export const importFormats: readonly ImportFormat[] = [onlineRetail, segmentNdjson];
