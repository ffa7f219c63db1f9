import { modelsError } from '../model-serving.errors.js';
import { elementBytes, viewOf, type Datatype, type TensorElements } from './datatypes.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });
const toUtf8 = new TextEncoder();

/** Text of a BYTES element. ONNX strings are UTF-8, so anything else is refused in place of being mangled. */
export function textOfElement(input: string, index: number, bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `input ${input}: element ${index} of its BYTES is not UTF-8; ONNX strings are UTF-8, encode other bytes (base64, say) first`,
    );
  }
}

/** Elements from little-endian row-major bytes as the protocol's `raw_input_contents` carry them. */
export function elementsFromRaw(
  input: string,
  datatype: Datatype,
  count: number,
  bytes: Uint8Array,
): TensorElements {
  if (datatype === 'BYTES') return textsFromRaw(input, count, bytes);
  const size = elementBytes[datatype];
  if (bytes.byteLength !== count * size) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `input ${input}: expected ${count * size} bytes (${count} elements of ${size}), got ${bytes.byteLength}`,
    );
  }
  // A view needs an aligned start; what arrives inside a bigger message often has none, so that is copied (by the
  // constructor: a Buffer's own slice would be a view again).
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const elements = viewOf(datatype, aligned.buffer as ArrayBuffer, aligned.byteOffset, count);
  if (datatype === 'BOOL') {
    const flags = elements as Uint8Array;
    let at = 0;
    while (at < count && (flags[at] ?? 0) <= 1) at++;
    if (at < count) {
      throw modelsError(
        'MODELS_INPUT_INVALID',
        `input ${input}: expected 0 or 1 in each byte of a BOOL, got ${String(elements[at])} at ${at}`,
      );
    }
  }
  return elements;
}

/** Each element: its length as a little-endian uint32, then its bytes. */
function textsFromRaw(input: string, count: number, bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    const length = at + 4 <= bytes.byteLength ? view.getUint32(at, true) : -1;
    if (length < 0 || at + 4 + length > bytes.byteLength || texts.length === count) {
      throw modelsError(
        'MODELS_INPUT_INVALID',
        `input ${input}: expected ${count} BYTES elements, each a uint32 length and that many bytes; what came breaks off or goes on at byte ${at}`,
      );
    }
    texts.push(textOfElement(input, texts.length, bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  if (texts.length !== count) {
    throw modelsError(
      'MODELS_INPUT_INVALID',
      `input ${input}: expected ${count} BYTES elements, got ${texts.length}`,
    );
  }
  return texts;
}

/** The bytes of elements as `raw_output_contents` carry them. */
export function rawFromElements(elements: TensorElements): Uint8Array {
  if (!Array.isArray(elements)) {
    const { buffer, byteOffset, byteLength } = elements as Exclude<TensorElements, readonly string[]>;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
  const parts = (elements as readonly string[]).map((text) => toUtf8.encode(text));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.byteLength, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.byteLength, true);
    bytes.set(part, at + 4);
    at += 4 + part.byteLength;
  }
  return bytes;
}
