import type { Clock } from '@rapport/kernel';
import type { ChannelDefinition } from '@rapport/playbook';
import type { Channel } from '../../ports/channel.js';

/** What a channel may need to open. */
export interface ChannelTools {
  readonly clock: Clock;
  /** Where mail goes: smtp://… */
  readonly smtpUrl: string;
  /** Secret that signs this channel's webhooks; undefined for other kinds. */
  readonly webhookSecret: string | undefined;
  /** How long the other side may take: to connect, to answer. */
  readonly timeoutMs: number;
  /** Messages in flight at a time. */
  readonly atOnce: number;
  readonly allowPrivateAddresses: boolean;
  readonly switches: ChannelSwitches;
}

/** Remembers destinations that asked for no more. */
export interface ChannelSwitches {
  /** Why nothing is sent to a destination any more; undefined while it is on. */
  whyOff(destination: string): Promise<string | undefined>;
  turnOff(destination: string, why: string): Promise<void>;
}

/** One way to reach people: a file like those beside this one, and a line in `registry.ts`. */
export interface ChannelKind {
  /** The `kind` of channels in the playbook. */
  readonly kind: string;
  open(definition: ChannelDefinition, tools: ChannelTools): Channel;
}
