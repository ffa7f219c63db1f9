import { readConfig, wholeNumber, z } from '@rapport/config';

/** What the demo shop's own process is told by the one that starts it. */
const schema = z.object({
  RAPPORT_DEMO_URL: z.url(),
  RAPPORT_DEMO_WRITE_KEY: z.string(),
  RAPPORT_API_TOKEN: z.string(),
  RAPPORT_PLAYBOOK_DIR: z.string().default('./playbook'),
  RAPPORT_DEMO_SEED: wholeNumber(1, 0, 2 ** 31 - 1),
  RAPPORT_DEMO_PEOPLE: wholeNumber(5_000, 1, 1_000_000),
  /** Events per second. */
  RAPPORT_DEMO_RATE: wholeNumber(40, 1, 10_000),
});

export interface DemoShopConfig {
  readonly httpUrl: string;
  readonly writeKey: string;
  readonly apiToken: string;
  readonly playbookDir: string;
  readonly seed: number;
  readonly people: number;
  readonly ratePerSecond: number;
}

export function readDemoShopConfig(
  environment: Readonly<Record<string, string | undefined>>,
): DemoShopConfig {
  const config = readConfig(schema, environment);
  return {
    httpUrl: config.RAPPORT_DEMO_URL,
    writeKey: config.RAPPORT_DEMO_WRITE_KEY,
    apiToken: config.RAPPORT_API_TOKEN,
    playbookDir: config.RAPPORT_PLAYBOOK_DIR,
    seed: config.RAPPORT_DEMO_SEED,
    people: config.RAPPORT_DEMO_PEOPLE,
    ratePerSecond: config.RAPPORT_DEMO_RATE,
  };
}

/** The same the other way: the environment of a demo shop's process. */
export function demoShopEnvironment(config: DemoShopConfig): Record<string, string> {
  return {
    RAPPORT_DEMO_URL: config.httpUrl,
    RAPPORT_DEMO_WRITE_KEY: config.writeKey,
    RAPPORT_API_TOKEN: config.apiToken,
    RAPPORT_PLAYBOOK_DIR: config.playbookDir,
    RAPPORT_DEMO_SEED: String(config.seed),
    RAPPORT_DEMO_PEOPLE: String(config.people),
    RAPPORT_DEMO_RATE: String(config.ratePerSecond),
  };
}
