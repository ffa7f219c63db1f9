import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** PEM files of one authority. */
export interface TestCertificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority and a certificate of it for 127.0.0.1 and localhost, good for two days, made by openssl. */
export function makeTestCertificates(folder: string, name: string): TestCertificates {
  const at = (file: string): string => join(folder, `${name}-${file}`);
  const openssl = (...args: string[]): void => {
    const { status, stderr, error } = spawnSync('openssl', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${error?.message ?? stderr}`);
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const ca = at('ca.pem');
  openssl('req', '-x509', ...newKey, '-keyout', at('ca.key'), '-out', ca, '-subj', `/CN=${name} authority`);
  const cert = at('cert.pem');
  const key = at('key.pem');
  openssl('req', ...newKey, '-keyout', key, '-out', at('request.pem'), '-subj', `/CN=${name}`);
  writeFileSync(at('names.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const signed = [
    '-in',
    at('request.pem'),
    '-CA',
    ca,
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
    '-days',
    '2',
  ];
  openssl('x509', '-req', ...signed, '-extfile', at('names.cnf'), '-out', cert);
  return { ca, cert, key };
}
