/**
 * Signing with the X.509 library: CSRs, and self-signed certificates for servers on loopback.
 * Loading it takes a tenth of a second, so what only reads does not import this module.
 */

import 'reflect-metadata';
import { createPublicKey, type KeyObject, randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  type JsonGeneralNames,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { type KeyKind, kindOf } from './key.ts';

interface Algorithm {
  readonly name: string;
  readonly hash: string;
  readonly namedCurve?: string;
}

/** How each kind of key signs; the hash is as strong as the key. */
const ALGORITHMS: Readonly<Record<KeyKind, Algorithm>> = {
  rsa: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  p256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  p384: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  p521: { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
  ed25519: { name: 'Ed25519', hash: 'SHA-512' },
};

/** The pair of a private key in the form that the library signs with. Throws on a key that is no {@link KeyKind}. */
async function cryptoKeys(key: KeyObject): Promise<{ keys: webcrypto.CryptoKeyPair; algorithm: Algorithm }> {
  const kind = kindOf(key);
  if (kind === undefined) throw new TypeError('this kind of private key does not sign certificates');
  const algorithm = ALGORITHMS[kind];
  const pkcs8 = key.export({ format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const keys = {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  };
  return { keys, algorithm };
}

/** A PKCS #10 request (DER) with a common name, if given, and dNSNames. The names are taken as they are. */
export async function signRequest(
  key: KeyObject,
  commonName: string | undefined,
  hosts: readonly string[],
): Promise<Uint8Array> {
  const { keys, algorithm } = await cryptoKeys(key);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: commonName === undefined ? [] : [{ CN: [commonName] }],
    keys,
    signingAlgorithm: algorithm,
    extensions: [new SubjectAlternativeNameExtension(hosts.map((value) => ({ type: 'dns', value })))],
  });
  return new Uint8Array(request.rawData);
}

/** A self-signed certificate (DER) that is its own authority, for host names and addresses, in force from `notBefore` on. */
export async function selfSigned(options: {
  readonly key: KeyObject;
  readonly hosts: readonly string[];
  readonly addresses: readonly string[];
  readonly notBefore: Date;
  readonly days: number;
}): Promise<Uint8Array> {
  const { keys, algorithm } = await cryptoKeys(options.key);
  const names: JsonGeneralNames = [
    ...options.hosts.map((value) => ({ type: 'dns' as const, value })),
    ...options.addresses.map((value) => ({ type: 'ip' as const, value })),
  ];
  const serial = randomBytes(16);
  serial[0] = 0x40 | (serial[0]! & 0x3f);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial.toString('hex'),
    name: [{ CN: [options.hosts[0] ?? options.addresses[0] ?? 'localhost'] }],
    notBefore: options.notBefore,
    notAfter: new Date(options.notBefore.getTime() + options.days * 86_400_000),
    keys,
    signingAlgorithm: algorithm,
    extensions: [new BasicConstraintsExtension(true, 0, true), new SubjectAlternativeNameExtension(names)],
  });
  return new Uint8Array(certificate.rawData);
}
