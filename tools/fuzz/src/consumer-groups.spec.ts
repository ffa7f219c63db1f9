import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { loadPlaybook } from '@rapport/playbook';
import { consumerGroups } from './consumer-groups.js';

describe('the consumer groups whose lag the fuzzer waits for', () => {
  it('are those of the services: as many as call consume, and one for each channel of the sample', async () => {
    const consuming = readdirSync('services', { recursive: true, encoding: 'utf8' }).filter(
      (file) =>
        /\/src\/.*\.ts$/.test(file) &&
        !/\/fixtures\/|\/testing\/|spec\.ts$/.test(file) &&
        readFileSync(join('services', file), 'utf8').includes('.consume({'),
    );
    const { channels } = await loadPlaybook('playbook');
    const deliver = consumerGroups.filter(({ group }) => group.startsWith('deliver-'));
    expect(deliver.map(({ group }) => group).sort()).toEqual(
      channels.map(({ name }) => `deliver-${name}`).sort(),
    );
    // One of the files consumes for every channel.
    expect(consuming).toHaveLength(consumerGroups.length - deliver.length + 1);
  });
});
