import { z } from 'zod';

const figure = z.number().optional().catch(undefined);
/** A group of figures; where it is missing, its figures are. */
const part = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.preprocess((given) => (typeof given === 'object' && given !== null ? given : {}), z.object(shape));

/** `GET /v1/status`; a figure that is missing or of another kind is absent, never an error. */
const statusShape = z.object({
  uptimeSeconds: figure,
  events: part({ received: figure, accepted: figure, rejected: figure, perSecond: figure }),
  people: figure,
  merges: figure,
  segments: part({ entered: figure, left: figure }),
  decisions: part({ count: figure, p50Ms: figure, p99Ms: figure }),
  messages: part({ byChannel: z.record(z.string(), z.number()).optional().catch(undefined) }),
  lag: figure,
});

export type PlatformStatus = z.output<typeof statusShape>;

/** Reads what the platform says about itself. */
export function readStatus(json: unknown): PlatformStatus {
  return statusShape.parse(typeof json === 'object' && json !== null ? json : {});
}
