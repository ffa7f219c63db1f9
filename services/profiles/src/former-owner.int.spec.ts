import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { IdentifiedEvent } from '@rapport/contracts';
import { accepted, epochMs, identified, profileId } from './fixtures/events.js';
import { PipelineBench } from './fixtures/pipeline-bench.js';
import type { UpdateProfiles } from './update-profiles.pipeline.js';

const ada = profileId('ada');
const view = (n: number): IdentifiedEvent =>
  identified(accepted({ event: 'Product Viewed', messageId: `view-${n}`, atMs: epochMs + n }), ada);

describe('a worker that does not know yet that its partition is another’s', () => {
  let bench: PipelineBench;
  beforeEach(async () => {
    bench = await PipelineBench.open();
  });
  afterEach(() => bench.close());

  const worker = async (): Promise<UpdateProfiles> => {
    const made = await bench.worker(bench.partitionOf(ada));
    made.caughtUp();
    return made;
  };

  it.each([1, 2])(
    'leaves nothing half done behind when it notices at its write number %i',
    async (checks) => {
      const former = await worker();
      await former.identified((await bench.events([view(1)]))());
      const present = await worker();
      const batch = await bench.events([view(2)]);
      await expect(former.identified(batch(checks - 1))).rejects.toThrow('belongs to another worker now');
      await present.identified(batch());
      await present.identified((await bench.events([view(3)]))());
      expect(await bench.viewsOf(ada)).toBe(3);
      expect(await bench.told()).toEqual(['view-1', 'view-2', 'view-3']);
    },
  );

  it('says at its end nothing of batches that the next one has numbered', async () => {
    const former = await worker();
    await former.identified((await bench.events([view(1)]))());
    const present = await worker();
    for (let n = 2; n < 5; n++) await present.identified((await bench.events([view(n)]))());
    const before = await bench.ports.ledger.read(bench.partitionOf(ada));
    await former.close();
    expect(await bench.ports.ledger.read(bench.partitionOf(ada))).toEqual(before);
    await present.close();
    const { told, reserved } = await bench.ports.ledger.read(bench.partitionOf(ada));
    expect(told).toBe(reserved);
  });
});
