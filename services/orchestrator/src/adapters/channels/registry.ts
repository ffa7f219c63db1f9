import type { ChannelDefinition, Playbook } from '@rapport/playbook';
import { playbookUnusable } from '../../orchestrator.errors.js';
import type { ChannelKind } from './channel-kind.js';
import { email } from './email.js';
import { onSite } from './on-site.js';
import { webhook } from './webhook.js';

/** Every way to reach people. A new one is a file here and a line in this list. */
const channelKinds: readonly ChannelKind[] = [onSite, email, webhook];

/** The channels of a playbook, each with its kind. Throws when a kind is missing or a name stands twice. */
export function channelsOf(
  playbook: Playbook,
  kinds: readonly ChannelKind[] = channelKinds,
): readonly { readonly definition: ChannelDefinition; readonly kind: ChannelKind }[] {
  const byKind = new Map<string, ChannelKind>();
  for (const kind of kinds) {
    if (byKind.has(kind.kind)) throw playbookUnusable(`channel kind ${kind.kind} is registered twice`);
    byKind.set(kind.kind, kind);
  }
  const seen = new Set<string>();
  return playbook.channels.map((definition) => {
    const kind = byKind.get(definition.kind);
    if (kind === undefined) {
      const known = [...byKind.keys()].join(', ');
      throw playbookUnusable(`channel ${definition.name}: expected kind ${known}; got ${definition.kind}`);
    }
    if (seen.has(definition.name)) throw playbookUnusable(`channel ${definition.name} stands twice`);
    seen.add(definition.name);
    return { definition, kind };
  });
}
