import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { sharedKafka, sharedMongo } from '../engines-of-this-run.js';

// Stands for a test runner with one worker: the worker asks for the engines, the runner ends when its input does.
if (process.connected) {
  const [kafka, mongo] = await Promise.all([sharedKafka(), sharedMongo()]);
  process.send?.({ kafka: kafka.brokers[0], mongo: mongo.uri });
} else {
  const worker = fork(fileURLToPath(import.meta.url));
  worker.once('message', (engines) => process.stdout.write(`${JSON.stringify(engines)}\n`));
  worker.once('exit', (code) => process.exit(code ?? 1));
  process.stdin.once('end', () => process.exit()).resume();
}
