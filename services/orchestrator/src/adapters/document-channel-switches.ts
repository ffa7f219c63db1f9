import type { Collection, CollectionDeclaration } from '@rapport/document-store';
import type { ChannelSwitches } from './channels/channel-kind.js';

export interface SwitchedOff {
  readonly why: string;
}

/** Destinations that asked for no more, by address. Remove a document to send there again. */
export const switchCollection: CollectionDeclaration<SwitchedOff> = { name: 'channel_switches' };

/** The id of a document is short; an address may not be. */
const idOf = (destination: string): string => destination.slice(0, 160);

export class DocumentChannelSwitches implements ChannelSwitches {
  constructor(readonly collection: Collection<SwitchedOff>) {}

  async whyOff(destination: string): Promise<string | undefined> {
    return (await this.collection.get(idOf(destination)))?.doc.why;
  }

  async turnOff(destination: string, why: string): Promise<void> {
    await this.collection.write([{ id: idOf(destination), doc: { why } }]);
  }
}
