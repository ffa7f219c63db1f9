// Node's test environment with the typed arrays of the outer realm: native modules (onnxruntime, lmdb) compare
// constructors, and those of a fresh realm are strangers to them.
import { TestEnvironment } from 'jest-environment-node';

export default class RapportTestEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    for (const name of [
      'Float32Array',
      'Float64Array',
      'Int8Array',
      'Int16Array',
      'Int32Array',
      'Uint8ClampedArray',
      'Uint16Array',
      'Uint32Array',
      'BigInt64Array',
      'BigUint64Array',
      'DataView',
      'SharedArrayBuffer',
    ]) {
      this.global[name] = globalThis[name];
    }
  }
}
