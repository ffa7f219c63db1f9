import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ProfileId } from '@rapport/kernel';
import { accepted, epochMs, origin, profileId } from './fixtures/events.js';
import { IdentityPlay } from './fixtures/identity-play.js';
import { PipelineBench } from './fixtures/pipeline-bench.js';

/** Somebody else's name, whose profile lies in the same partition or in another one. */
function nameWhere(fits: (id: ProfileId) => boolean): string {
  for (let n = 0; n < 1000; n++) if (fits(profileId(`bea${n}`))) return `bea${n}`;
  throw new Error('no name fits');
}

describe('an origin that moves between two deliveries of its event', () => {
  let bench: PipelineBench;
  beforeEach(async () => {
    bench = await PipelineBench.open();
  });
  afterEach(() => bench.close());

  it.each(['the same partition', 'another partition'])(
    'has the event told once, whom it came from and went back to lying in %s',
    async (where) => {
      const ada = bench.partitionOf(profileId('ada'));
      const name = nameWhere((id) => (bench.partitionOf(id) === ada) === (where === 'the same partition'));
      const bea = bench.partitionOf(profileId(name));
      const identity = new IdentityPlay(bench.owners);
      let worker = await bench.worker(ada, bea);
      const change = async (changes: ReturnType<IdentityPlay['merge']>): Promise<void> => {
        for (const one of changes) await worker.identityChanged((await bench.memberships([one]))());
      };
      const event = (messageId: string, who: string, lagging: boolean) =>
        identity.identify(
          accepted({ origin: origin(who), event: 'Product Viewed', messageId, atMs: epochMs }),
          Number(messageId.slice(-1)),
          lagging,
        );
      await change(identity.appear(origin('ada'), 'ada'));
      await change(identity.appear(origin(name), name));
      await worker.identified((await bench.events([event('view-1', 'ada', false)]))());
      await worker.identified((await bench.events([event('view-2', name, false)]))());
      await change(identity.merge(origin(name), origin('ada')));
      // Identified before that was known; folded and written, and nobody is told.
      const late = await bench.events([event('view-3', 'ada', true)]);
      if (where === 'the same partition') {
        bench.refusals = 1;
        await expect(worker.identified(late())).rejects.toThrow('telling was refused');
      } else {
        // Passed on, and the position of the batch is not committed.
        await worker.identified(late());
      }
      worker = await bench.worker(ada, bea);
      await change(identity.split(origin('ada'), 'ada'));
      await worker.identified(late());
      await worker.identified((await bench.events([event('view-4', 'ada', false)]))());
      if (bea !== ada) await worker.identified((await bench.passedOn(bea))());
      if (bea !== ada) await worker.identified((await bench.passedOn(ada))());
      expect([...(await bench.told())].sort()).toEqual(['view-1', 'view-2', 'view-3', 'view-4']);
      expect(await bench.viewsOf(profileId('ada'))).toBe(3);
      expect(await bench.viewsOf(profileId(name))).toBe(1);
    },
  );
});
