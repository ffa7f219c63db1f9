import type { RequestedMessage } from '@rapport/contracts';
import type { Person } from '../domain/person.js';
import type { DeliveryState } from './delivery-store.js';

/** Tells the person's timeline that a message could not be delivered. */
export interface FailureNews {
  /** Resolves when that is durable; telling it again changes nothing. */
  tell(person: Person, failed: DeliveryState & { readonly message: RequestedMessage }): Promise<void>;
}
