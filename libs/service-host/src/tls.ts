import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { messageOf, RapportError } from '@rapport/kernel';

/** With what a process shows who it is, and whom it believes. PEM. */
export interface Tls {
  /** Undefined where only the services that it calls have TLS. */
  readonly own: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  /** Whose certificates are believed; undefined: those of the system. */
  readonly ca: Buffer | undefined;
  /** Whether gRPC callers must show a certificate of `ca`. */
  readonly requiresClients: boolean;
}

/** The settings, as the environment has them. */
export interface TlsSettings {
  readonly RAPPORT_TLS_CERT_FILE?: string | undefined;
  readonly RAPPORT_TLS_KEY_FILE?: string | undefined;
  readonly RAPPORT_TLS_CA_FILE?: string | undefined;
  readonly RAPPORT_TLS_CLIENT_AUTH?: string | undefined;
}

/** Reads the files; undefined where TLS is not configured. Throws TLS_INVALID with what is wrong with them. */
export function readTls(config: TlsSettings): Tls | undefined {
  const {
    RAPPORT_TLS_CERT_FILE: certFile,
    RAPPORT_TLS_KEY_FILE: keyFile,
    RAPPORT_TLS_CA_FILE: caFile,
    RAPPORT_TLS_CLIENT_AUTH: clientAuth,
  } = config;
  const cert = read('RAPPORT_TLS_CERT_FILE', certFile, (pem) => new X509Certificate(pem));
  const key = read('RAPPORT_TLS_KEY_FILE', keyFile, (pem) => createPrivateKey(pem));
  const ca = read('RAPPORT_TLS_CA_FILE', caFile, (pem) => new X509Certificate(pem));
  if (cert === undefined && ca === undefined) return undefined;
  const own = cert === undefined || key === undefined ? undefined : { cert, key };
  if (own !== undefined) {
    try {
      createSecureContext(own);
    } catch (thrown) {
      throw invalid(`RAPPORT_TLS_KEY_FILE: expected the key of ${certFile}; ${messageOf(thrown)}`);
    }
  }
  return { own, ca, requiresClients: clientAuth === 'require' };
}

function read(
  setting: string,
  path: string | undefined,
  parse: (pem: Buffer) => unknown,
): Buffer | undefined {
  if (path === undefined) return undefined;
  try {
    const pem = readFileSync(path);
    parse(pem);
    return pem;
  } catch (thrown) {
    throw invalid(`${setting}: expected a PEM file; ${path}: ${messageOf(thrown)}`);
  }
}

const invalid = (message: string): RapportError => new RapportError('TLS_INVALID', 'invalid', message);
