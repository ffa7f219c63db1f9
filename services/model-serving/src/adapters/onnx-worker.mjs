// A worker thread that holds one model and runs it on request. Plain JavaScript, because a thread starts from a file
// and the same file has to serve the sources (in tests) and the build. Ending the thread gives the memory back.
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const { model, options } = workerData;

try {
  const session = await InferenceSession.create(model, options);
  parentPort.postMessage({ kind: 'open', inputs: session.inputMetadata, outputs: session.outputMetadata });
  parentPort.on('message', ({ id, feeds, outputs }) => {
    void run(session, id, feeds, outputs);
  });
} catch (thrown) {
  parentPort.postMessage({
    kind: 'failed',
    message: thrown instanceof Error ? thrown.message : String(thrown),
  });
  parentPort.close();
}

async function run(session, id, feeds, outputs) {
  try {
    const tensors = {};
    for (const [name, { type, data, dims }] of Object.entries(feeds))
      tensors[name] = new Tensor(type, data, dims);
    const started = performance.now();
    const results = await session.run(tensors, outputs);
    const computeMs = performance.now() - started;
    const given = {};
    const buffers = new Set();
    for (const name of outputs) {
      const { type, data, dims } = results[name];
      given[name] = { type, data, dims };
      if (!Array.isArray(data)) buffers.add(data.buffer);
    }
    parentPort.postMessage({ kind: 'result', id, outputs: given, computeMs }, [...buffers]);
  } catch (thrown) {
    parentPort.postMessage({
      kind: 'error',
      id,
      message: thrown instanceof Error ? thrown.message : String(thrown),
    });
  }
}
