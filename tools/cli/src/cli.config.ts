import { resolve } from 'node:path';
import { readConfig, wholeNumber, z } from '@rapport/config';
import type { TlsSettings } from '@rapport/service-host';

const schema = z.object({
  /** Where a platform listens; when it is set, no embedded one is started. */
  RAPPORT_URL: z.string().optional(),
  RAPPORT_HTTP_PORT: wholeNumber(8080, 0, 65535),
  RAPPORT_GRPC_PORT: wholeNumber(9090, 0, 65535),
  /** `host:port` of the gRPC door, where it is not on this machine. */
  RAPPORT_GRPC_ADDRESS: z.string().optional(),
  /** As the platform has them (docs/how-to/tls.md); with a certificate the doors of this machine are taken to speak TLS. */
  RAPPORT_TLS_CERT_FILE: z.string().optional(),
  RAPPORT_TLS_KEY_FILE: z.string().optional(),
  RAPPORT_TLS_CA_FILE: z.string().optional(),
  RAPPORT_DATA_DIR: z.string().default('./data'),
  RAPPORT_PLAYBOOK_DIR: z.string().default('./playbook'),
  /** Default: that of credentials.json in the data folder. */
  RAPPORT_API_TOKEN: z.string().optional(),
  /** The simulated shop of `up`. */
  RAPPORT_DEMO_SEED: wholeNumber(1, 0, 2 ** 31 - 1),
  RAPPORT_DEMO_PEOPLE: wholeNumber(5_000, 1, 1_000_000),
  /** Events per second. */
  RAPPORT_DEMO_RATE: wholeNumber(40, 1, 10_000),
});

/** What the commands read from the environment. */
export interface CliConfig {
  readonly httpUrl: string;
  readonly grpcAddress: string;
  /** True when somebody said where the platform is; then nothing else will do. */
  readonly pointedAt: boolean;
  readonly dataDir: string;
  readonly playbookDir: string;
  readonly apiToken: string | undefined;
  /** Files; undefined where the platform does not speak TLS. */
  readonly tls: TlsSettings | undefined;
  readonly demo: { readonly seed: number; readonly people: number; readonly ratePerSecond: number };
}

/** Throws CONFIG_INVALID with all problems at once. */
export function readCliConfig(environment: Readonly<Record<string, string | undefined>>): CliConfig {
  const read = readConfig(schema, environment);
  const { RAPPORT_TLS_CERT_FILE, RAPPORT_TLS_KEY_FILE, RAPPORT_TLS_CA_FILE } = read;
  const scheme = RAPPORT_TLS_CERT_FILE === undefined ? 'http' : 'https';
  const httpUrl = (read.RAPPORT_URL ?? `${scheme}://127.0.0.1:${read.RAPPORT_HTTP_PORT}`).replace(/\/+$/, '');
  return {
    httpUrl,
    tls: httpUrl.startsWith('https:')
      ? { RAPPORT_TLS_CERT_FILE, RAPPORT_TLS_KEY_FILE, RAPPORT_TLS_CA_FILE }
      : undefined,
    grpcAddress: read.RAPPORT_GRPC_ADDRESS ?? `127.0.0.1:${read.RAPPORT_GRPC_PORT}`,
    pointedAt: read.RAPPORT_URL !== undefined,
    dataDir: resolve(read.RAPPORT_DATA_DIR),
    playbookDir: resolve(read.RAPPORT_PLAYBOOK_DIR),
    apiToken: read.RAPPORT_API_TOKEN,
    demo: {
      seed: read.RAPPORT_DEMO_SEED,
      people: read.RAPPORT_DEMO_PEOPLE,
      ratePerSecond: read.RAPPORT_DEMO_RATE,
    },
  };
}
