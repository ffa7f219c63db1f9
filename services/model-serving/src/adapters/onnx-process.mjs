// A process that holds one model and runs it on request. Plain JavaScript, because a process starts from a file and
// the same file has to serve the sources (in tests) and the build. What native code does to it, it does to it alone.
import { createHash } from 'node:crypto';
import { createReadStream, writeFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { InferenceSession, Tensor } from 'onnxruntime-node';

// Where memory runs out, the kernel ends this process before the one that serves (Linux).
try {
  writeFileSync('/proc/self/oom_score_adj', '1000');
} catch {
  // Elsewhere there is no such thing.
}
// Who computes stands back a little for who answers doors.
setPriority(5);
const messageOf = (thrown) => (thrown instanceof Error ? thrown.message : String(thrown));

let session;
const handle = { open, piece, run };
process.on('message', (message) => void handle[message.kind](message));
process.on('disconnect', () => process.exit(0));

async function open({ source, options }) {
  try {
    session = await InferenceSession.create(...(await modelOf(source)), options);
    await checkUnchanged();
    process.send({ kind: 'open', inputs: session.inputMetadata, outputs: session.outputMetadata });
  } catch (thrown) {
    process.send({ kind: 'failed', message: messageOf(thrown) });
  }
}

const opened = [];

/** The bytes that were checked; with external data, the path of files that are those that were checked. */
async function modelOf({ path, sha256, bytes, external }) {
  if (bytes !== undefined) return [bytes];
  if (external.length === 0) {
    const read = await readFile(path);
    if (createHash('sha256').update(read).digest('hex') !== sha256) throw changed(path);
    return [read];
  }
  for (const file of [{ path, sha256 }, ...external]) {
    opened.push({ path: file.path, mark: await markOf(file.path) });
    const hash = createHash('sha256');
    for await (const piece of createReadStream(file.path, { highWaterMark: 1 << 20 })) hash.update(piece);
    if (hash.digest('hex') !== file.sha256) throw changed(file.path);
  }
  return [path];
}

async function checkUnchanged() {
  for (const { path, mark } of opened) if ((await markOf(path)) !== mark) throw changed(path);
}

async function markOf(path) {
  const { dev, ino, size, ctimeNs } = await stat(path, { bigint: true });
  return [dev, ino, size, ctimeNs].join();
}

const changed = (path) => new Error(`${path} is not what it was when it was checked; load the version again`);

const pieceBytes = 1 << 20;
const arrays = {
  bool: Uint8Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
};

/** Elements of the next run that come in pieces, by input. */
const pieces = new Map();

function piece({ name, at, total, bytes }) {
  const all = pieces.get(name) ?? new Uint8Array(total);
  pieces.set(name, all);
  all.set(bytes, at);
}

/** Large elements in pieces, one after the other was handed over. */
async function sendPieces(id, name, data) {
  const all = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  for (let at = 0; at < all.byteLength; at += pieceBytes) {
    const bytes = all.subarray(at, at + pieceBytes);
    await new Promise((resolve) => {
      process.send({ kind: 'piece', id, name, at, total: all.byteLength, bytes }, resolve);
    });
  }
}

async function run({ id, feeds, outputs }) {
  try {
    const tensors = {};
    for (const [name, { type, data, dims }] of Object.entries(feeds))
      tensors[name] = new Tensor(type, data ?? new arrays[type](pieces.get(name).buffer), dims);
    pieces.clear();
    const started = performance.now();
    const results = await session.run(tensors, outputs);
    const computeMs = performance.now() - started;
    const given = {};
    for (const name of outputs) {
      const { type, data, dims } = results[name];
      const isLarge = ArrayBuffer.isView(data) && data.byteLength > pieceBytes;
      if (isLarge) await sendPieces(id, name, data);
      given[name] = { type, data: isLarge ? undefined : data, dims };
    }
    process.send({ kind: 'result', id, outputs: given, computeMs });
  } catch (thrown) {
    process.send({ kind: 'error', id, message: messageOf(thrown) });
  }
}
