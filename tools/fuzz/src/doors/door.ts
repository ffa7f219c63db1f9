import type fc from 'fast-check';
import type { Answers, Ask } from '../asks.js';
import type { Finding } from '../findings.js';

/** A fault that one input shows at once. */
export type Fault = Pick<Finding, 'kind' | 'place' | 'text'>;

/** What doors know of the platform and of the run. */
export interface Target {
  readonly httpUrl: string;
  readonly grpcAddress: string;
  /** Of a source that is a server, and of one that is a page. */
  readonly writeKey: string;
  readonly browserKey: string;
  readonly apiToken: string;
  readonly modelsDir: string;
  /** Notes an event that was accepted: it has to be found in the end. */
  accepted(messageId: string, persons: readonly string[]): void;
  /** Counts answers by what they were: how the inputs fared. */
  count(what: string): void;
  ask<Name extends Ask['ask']>(asked: Extract<Ask, { ask: Name }>): Promise<Answers[Name]>;
}

/** A way in, with what is sent through it. */
export interface Door<Input = unknown> {
  readonly name: string;
  /** How many send at once. */
  readonly lanes: number;
  /** What waits while consumers are far behind; others go on. */
  readonly feedsTheLog: boolean;
  readonly inputs: fc.Arbitrary<Input>;
  /** Sends one input; answers what was wrong with the platform's answer. `nth` is unique to the input within the run. */
  send(input: Input, target: Target, nth: string): Promise<Fault | undefined>;
  /** The input as somebody reads it who wants to send it again. */
  show(input: Input): string;
  /** Before the platform starts; answers environment for it. */
  prepare?(run: { readonly playbookDir: string }): Promise<Readonly<Record<string, string>>>;
  /** Nothing more will be sent: what answers the platform now answers well, so that it can come to an end. */
  calm?(): void;
  /** After the platform has ended. */
  close?(): Promise<void>;
}

/** How long an answer may take. The machine may be busy; what never comes is found all the same. */
export const answerWithinMs = 30_000;

/** The connection broke, or none was to be had: the process may have died of the input. */
export class ConnectionBroke extends Error {}
