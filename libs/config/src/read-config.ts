import { z } from 'zod';
import { parseDuration, RapportError } from '@rapport/kernel';

export { z };

/** A duration with its unit ("30s"), read as milliseconds. */
export const duration = (byDefault: string) =>
  z
    .string()
    .default(byDefault)
    .transform((text, context) => {
      try {
        return parseDuration(text);
      } catch (thrown) {
        context.addIssue({
          code: 'custom',
          message: thrown instanceof Error ? thrown.message : String(thrown),
        });
        return z.NEVER;
      }
    });

/** A whole number with its default, kept between bounds. */
export const wholeNumber = (byDefault: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(byDefault);

/** Yes or no, written true/false/1/0/yes/no/on/off. */
export const flag = (byDefault: boolean) => z.stringbool().default(byDefault);

/**
 * Reads a service's configuration from the environment by one schema. Empty variables count as absent. Throws
 * CONFIG_INVALID with every problem at once, one line each.
 */
export function readConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  environment: Readonly<Record<string, string | undefined>>,
): z.output<z.ZodObject<Shape>> {
  const given = Object.fromEntries(
    Object.keys(schema.shape)
      .map((name) => [name, environment[name]] as const)
      .filter(([, value]) => value !== undefined && value !== ''),
  );
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new RapportError(
    'CONFIG_INVALID',
    'invalid',
    `the configuration has ${lines.length} problem(s):\n${lines.join('\n')}`,
  );
}
