import type { ChannelKind } from './channel-kind.js';

/** On-site content is the answer of Decide: there is nothing to send. */
export const onSite: ChannelKind = {
  kind: 'on_site',
  open: () => ({
    destinationOf: () => '',
    send: async () => Promise.resolve({ outcome: 'sent', detail: 'shown as the answer of a decision' }),
    close: async () => Promise.resolve(),
  }),
};
