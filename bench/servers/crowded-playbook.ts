import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './start-server.js';

/** The placement that the candidates compete for. */
export const crowdedPlacement = 'bench_list';

/**
 * The sample playbook with so many tactics more on one placement: four of five are open to everyone, so that they are
 * really ranked; half go by the propensity model; each has two variants, a goal, a holdout and a cap that is counted.
 */
export function writeCrowdedPlaybook(dir: string, candidates: number): void {
  cpSync(join(root, 'playbook'), dir, { recursive: true });
  const segments = ['keen_on_a_product', 'category_fan', 'new_on_clearance', 'big_spender'];
  const tactics = Array.from({ length: candidates }, (_, index) => {
    const segment = index % 5 === 4 ? segments[Math.floor(index / 5) % segments.length] : 'everyone';
    return `
- name: bench_${index}
  title: Candidate ${index}
  segment: ${segment}
  placement: ${crowdedPlacement}
  channel: on_site
  priority: ${index % 10}
${index % 2 === 0 ? '  rankBy: propensity\n' : ''}  variants:
    - { name: a, content: { headline: 'Candidate ${index} for {{ profile.computedTraits.favourite_category | default: "you" }}', url: /a } }
    - { name: b, content: { headline: Candidate ${index}, url: /b } }
  suppressIf: { event: Order Completed, within: 7d }
  caps:
    - { max: 1000, per: 1d }
  goal: { event: Order Completed, metric: count, within: 7d, target: 0.01 }
`;
  });
  append(dir, 'tactics.yaml', tactics.join(''));
  append(
    dir,
    'segments.yaml',
    '\n- name: everyone\n  title: Everyone who was seen\n  when:\n    seen: { firstWithin: 3650d }\n',
  );
  append(dir, 'placements.yaml', `\n- name: ${crowdedPlacement}\n  title: Where the candidates compete\n`);
}

function append(dir: string, file: string, text: string): void {
  const path = join(dir, file);
  writeFileSync(path, `${readFileSync(path, 'utf8').trimEnd()}\n${text}`);
}
