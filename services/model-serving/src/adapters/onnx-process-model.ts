import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { InferenceSession } from 'onnxruntime-node';
import { messageOf, takeTurn } from '@rapport/kernel';
import { elementBytes, viewOf, type Tensor, type TensorElements } from '../domain/datatypes.js';
import { modelsError } from '../model-serving.errors.js';
import type { ModelSource } from '../ports/model-files.js';
import type { ModelProcess, RunResult } from '../ports/model-runtime.js';
import { datatypeOf, onnxTypeOf, sessionOptions, signatureOf, type OnnxTensor } from './onnx-tensors.js';
import { librariesEnvironment } from '../model-serving.config.js';

const processFile = fileURLToPath(new URL('./onnx-process.mjs', import.meta.url));

/** How long a file may take to become a session: gigabytes from a slow disk, not more. */
const maxOpenMs = 300_000;
/** Of what the process printed before it ended, for the reason. */
const maxPrinted = 500;

type Answer =
  | {
      readonly kind: 'open';
      readonly inputs: readonly InferenceSession.ValueMetadata[];
      readonly outputs: readonly InferenceSession.ValueMetadata[];
    }
  | { readonly kind: 'failed'; readonly message: string }
  | ({ readonly kind: 'piece' } & Piece)
  | {
      readonly kind: 'result';
      readonly id: number;
      readonly outputs: Readonly<Record<string, OnnxTensor>>;
      readonly computeMs: number;
    }
  | { readonly kind: 'error'; readonly id: number; readonly message: string };

/** A part of elements too large for one message: what crosses in one go is copied in one go. */
interface Piece {
  readonly id: number;
  readonly name: string;
  readonly at: number;
  readonly total: number;
  readonly bytes: Uint8Array;
}
const pieceBytes = 1 << 20;

interface Waiting {
  /** Elements that came in pieces, by output. */
  readonly pieces: Map<string, ArrayBuffer>;
  readonly resolve: (result: RunResult) => void;
  readonly reject: (thrown: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Opens a model in a process of its own; a run that takes longer than `maxRunMs` ends the process. */
export async function openProcessModel(source: ModelSource, maxRunMs: number): Promise<ModelProcess> {
  const child = fork(processFile, [], {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // A model gets nothing of what this process knows.
    env: librariesEnvironment(),
  });
  const model = new OnnxProcess(child, maxRunMs);
  try {
    const answer = await model.open(source);
    const signature = signatureOf(answer.inputs, answer.outputs);
    return {
      signature,
      ended: () => model.ended,
      run: (inputs, outputs) => model.run(inputs, outputs),
      close: () => model.close(),
    };
  } catch (thrown) {
    await model.close();
    throw thrown;
  }
}

class OnnxProcess {
  /** Why it ended. */
  ended: string | undefined;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exit: Promise<void>;
  #opened: ((answer: Answer) => void) | undefined;
  #printed = '';
  #killedFor: string | undefined;
  #lastId = 0;

  constructor(
    readonly child: ChildProcess,
    readonly maxRunMs: number,
  ) {
    child.stderr?.on('data', (bytes: Buffer) => {
      this.#printed = (this.#printed + bytes.toString()).slice(-maxPrinted);
    });
    child.on('message', (answer: Answer) => this.#take(answer));
    this.#exit = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve(this.#end(`by ${signal ?? `exit ${code}`}`)));
      child.once('error', (thrown) => {
        if (child.pid === undefined) resolve(this.#end(messageOf(thrown)));
      });
    });
  }

  async open(source: ModelSource): Promise<Extract<Answer, { kind: 'open' }>> {
    const timer = setTimeout(() => this.#kill(`it took longer than ${maxOpenMs} ms to open`), maxOpenMs);
    const answered = new Promise<Answer>((resolve) => (this.#opened = resolve));
    void this.#send({ kind: 'open', source, options: sessionOptions });
    const answer = await Promise.race([answered, this.#exit]);
    clearTimeout(timer);
    if (answer?.kind === 'open') return answer;
    throw new Error(
      answer?.kind === 'failed' ? answer.message : `the process that opened it ended ${this.ended ?? ''}`,
    );
  }

  run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<RunResult> {
    return new Promise((resolve, reject) => {
      if (this.ended !== undefined) return reject(crashed(this.ended));
      const id = ++this.#lastId;
      const timer = setTimeout(
        () => this.#kill(`because a run took longer than ${this.maxRunMs} ms`),
        this.maxRunMs,
      );
      this.#waiting.set(id, { resolve, reject, timer, pieces: new Map() });
      void this.#sendRun(id, inputs, outputs);
    });
  }

  async close(): Promise<void> {
    if (this.ended === undefined) this.#kill('because it was closed');
    await this.#exit;
  }

  async #sendRun(id: number, inputs: readonly Tensor[], outputs: readonly string[]): Promise<void> {
    const feeds: Record<string, Omit<OnnxTensor, 'data'> & { readonly data: TensorElements | undefined }> =
      {};
    for (const { name, datatype, elements, shape } of inputs) {
      const isLarge = ArrayBuffer.isView(elements) && elements.byteLength > pieceBytes;
      feeds[name] = { type: onnxTypeOf(datatype), data: isLarge ? undefined : elements, dims: shape };
      if (!isLarge) continue;
      const all = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
      for (let at = 0; at < all.byteLength; at += pieceBytes) {
        const piece: Piece = {
          id,
          name,
          at,
          total: all.byteLength,
          bytes: all.subarray(at, at + pieceBytes),
        };
        await this.#send({ kind: 'piece', ...piece });
        const turn = takeTurn();
        if (turn !== undefined) await turn;
      }
    }
    await this.#send({ kind: 'run', id, feeds, outputs });
  }

  /** Resolves when it was handed over, or never will be: a process that has ended says so by its exit. */
  #send(message: object): Promise<void> {
    return new Promise((resolve) => void this.child.send(message, () => resolve()));
  }

  #kill(why: string): void {
    this.#killedFor ??= why;
    this.child.kill('SIGKILL');
  }

  #end(how: string): void {
    const printed = this.#printed.trim().replace(/\s+/g, ' ');
    this.ended = this.#killedFor ?? `${how}${printed === '' ? '' : ` (${printed})`}`;
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(crashed(this.ended));
    }
    this.#waiting.clear();
  }

  #take(answer: Answer): void {
    if (answer.kind === 'open' || answer.kind === 'failed') return this.#opened?.(answer);
    const waiter = this.#waiting.get(answer.id);
    if (waiter === undefined) return;
    if (answer.kind === 'piece') {
      const { name, at, total, bytes } = answer;
      const all = waiter.pieces.get(name) ?? new ArrayBuffer(total);
      waiter.pieces.set(name, all);
      new Uint8Array(all).set(bytes, at);
      return;
    }
    this.#waiting.delete(answer.id);
    clearTimeout(waiter.timer);
    if (answer.kind === 'error') {
      waiter.reject(modelsError('MODELS_INFERENCE_FAILED', `the model refused the input: ${answer.message}`));
      return;
    }
    const outputs: Tensor[] = [];
    for (const [name, { type, dims, data }] of Object.entries(answer.outputs)) {
      const datatype = datatypeOf(type);
      if (datatype === undefined) {
        waiter.reject(
          new Error(`the output ${name} is a tensor of ${type}, which the protocol cannot carry`),
        );
        return;
      }
      const pieces = waiter.pieces.get(name);
      const elements =
        pieces === undefined || datatype === 'BYTES'
          ? data
          : viewOf(datatype, pieces, 0, pieces.byteLength / elementBytes[datatype]);
      outputs.push({ name, datatype, shape: dims, elements });
    }
    waiter.resolve({ outputs, computeMs: answer.computeMs });
  }
}

const crashed = (how: string): Error =>
  modelsError(
    'MODELS_CRASHED',
    `the model's process ended ${how} while it computed; it is started again, and this input is best not sent again`,
  );
