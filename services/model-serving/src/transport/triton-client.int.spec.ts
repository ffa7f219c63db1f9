import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { datatypes } from '../domain/datatypes.js';
import { ModelFolder } from '../testing/model-folder.js';
import { apiToken, startServing, type ServingHost } from '../testing/serving-host.js';
import { identityModel } from '../testing/tiny-onnx.js';

// The first time this makes the Python environment of training/, which takes about a minute.
const found = spawnSync(process.execPath, [join(process.cwd(), 'training/environment.mjs')], {
  encoding: 'utf8',
  timeout: 600_000,
});
const python = found.stdout.trim();
const isThere = found.status === 0;
if (!isThere)
  process.stderr.write(
    `skipped: Triton's client needs Python, and ${python || 'its environment was not made'}\n`,
  );

const describeWithPython = isThere ? describe : describe.skip;

describeWithPython("Triton's own Python client", () => {
  const folder = new ModelFolder();
  let host: ServingHost;

  beforeAll(async () => {
    for (const datatype of datatypes)
      folder.put(`echo-${datatype}`, '1', { model: identityModel(datatype, ['rows', 'columns']) });
    folder.put('broken', '1', { model: new Uint8Array([1, 2, 3]) });
    host = await startServing(folder.root);
  });

  afterAll(async () => {
    await host.stop();
    folder.remove();
  });

  it('infers every datatype over gRPC and HTTP, reads errors and metadata, loads and unloads', async () => {
    const check = join(process.cwd(), 'services/model-serving/src/testing/triton_client_check.py');
    const { stdout } = await promisify(execFile)(
      python,
      [check, host.running.grpcAddress, host.running.httpUrl.replace('http://', ''), apiToken],
      { timeout: 60_000 },
    ).catch((thrown: { stdout?: string; stderr?: string }) => {
      throw new Error(`${thrown.stdout ?? ''}${thrown.stderr ?? ''}`);
    });
    expect(stdout).not.toContain('FAIL');
    expect(stdout.match(/^ok /gm)?.length).toBeGreaterThan(45);
  });
});
