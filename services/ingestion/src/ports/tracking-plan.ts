import type { JsonObject } from '@rapport/contracts';

/** What the deployment promised itself about the properties of its events. */
export interface TrackingPlan {
  /** Says what a track call of this name does not keep, with path and expectation; undefined when all is well or nothing was promised. */
  violationOf(event: string, properties: JsonObject | undefined): string | undefined;
}
