/** What became of an event that was read. */
export type EventFate = 'folded' | 'duplicate' | 'redelivered' | 'forwarded' | 'rejected';

/** What operators watch. */
export interface ProfilesMeter {
  events(fate: EventFate, count: number): void;
  transition(segment: string, kind: 'entered' | 'left'): void;
  timersFired(count: number): void;
}
