/**
 * X.509 certificates (RFC 5280): reading them from DER and PEM, whether one fits a request, and the order of a chain.
 *
 * Strict DER, like CSRs. Nothing here trusts a certificate: the service that uses it, and its clients, verify the chain up
 * to a root; here is only decided whether it is the answer to a request.
 *
 * Left out: verification of a path (RFC 5280 section 6), revocation.
 */

import { X509Certificate } from 'node:crypto';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import type { Csr } from './csr.ts';
import { bitsOf, type DerNode, readDer, TAG, textOf, timeOf } from './der.ts';
import { commonNames, EXTENSION, readAlternativeNames, readExtensions } from './extensions.ts';
import { isSameHosts, readHost } from './host.ts';
import { printPem, readPem } from './pem.ts';

/** The largest certificate that is looked at, in octets; RDATA cannot be longer. */
export const CERTIFICATE_OCTETS = 65535;

/** How many authorities a chain may name. */
export const CHAIN_LENGTH = 10;

/** A certificate that was read, in octets of its own. */
export interface Certificate {
  readonly der: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** Lower case, each once; the dNSNames, and the common name if it is a host name. Names of other kinds are left out. */
  readonly hosts: readonly string[];
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
  /** The contents of the serial number, big-endian two's complement. */
  readonly serialNumber: Uint8Array;
  /** The distinguished names, DER. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** RFC 5280 4.2.1.1, the key identifier; with the serial number it names the certificate in ARI (RFC 9773 4.1). */
  readonly authorityKeyId?: Uint8Array;
}

/** Why octets or a text are no certificate: `size`, `der`, `structure`, `pem`. */
export interface CertificateFault extends Fault {
  readonly kind: 'size' | 'der' | 'structure' | 'pem';
}

/** Context tags inside TBSCertificate: version, extensions; inside AuthorityKeyIdentifier: the key identifier. */
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
const KEY_IDENTIFIER = 0x80;

/** Reads a certificate (DER, version 3 or older). */
export function parseCertificate(octets: Uint8Array): Result<Certificate, CertificateFault> {
  if (octets.length > CERTIFICATE_OCTETS) {
    return fail({ kind: 'size', what: `the certificate has ${octets.length} octets, more than ${CERTIFICATE_OCTETS}` });
  }
  const der = Uint8Array.from(octets);
  const root = readDer(der);
  if (root === undefined) return fail({ kind: 'der', what: 'the certificate is not one value in DER' });
  return readFields(der, root) ?? fail({ kind: 'structure', what: 'the octets are no X.509 certificate' });
}

function readFields(der: Uint8Array, root: DerNode): Result<Certificate, CertificateFault> | undefined {
  const [signed, algorithm, signature] = root.children;
  const fields = signed?.children[0]?.tag === VERSION ? signed.children.slice(1) : (signed?.children ?? []);
  const [serial, , issuer, validity, subject, key] = fields;
  const notBefore = timeOf(validity?.children[0]);
  const notAfter = timeOf(validity?.children[1]);
  if (
    root.tag !== TAG.sequence ||
    root.children.length !== 3 ||
    signed?.tag !== TAG.sequence ||
    algorithm?.tag !== TAG.sequence ||
    bitsOf(signature) === undefined ||
    serial?.tag !== TAG.integer ||
    issuer?.tag !== TAG.sequence ||
    subject?.tag !== TAG.sequence ||
    key?.tag !== TAG.sequence ||
    notBefore === undefined ||
    notAfter === undefined
  ) {
    return undefined;
  }
  const list = fields.find((field) => field.tag === EXTENSIONS)?.children[0];
  const extensions = list === undefined ? new Map<string, DerNode>() : readExtensions(list);
  if (extensions === undefined) return undefined;
  const value = extensions.get(EXTENSION.subjectAltName);
  const alternative = value === undefined ? { dns: [] } : readAlternativeNames(value);
  if (alternative === undefined) return undefined;

  const names = [...commonNames(subject).map((name) => textOf(name) ?? ''), ...alternative.dns];
  const hosts = new Set(names.map(readHost).filter((host) => host !== undefined));
  const authority = extensions.get(EXTENSION.authorityKeyId);
  const keyId = authority && readDer(authority.contents)?.children.find((child) => child.tag === KEY_IDENTIFIER);
  return ok({
    der,
    publicKey: key.encoded,
    hosts: [...hosts],
    notBefore,
    notAfter,
    serialNumber: serial.contents,
    issuer: issuer.encoded,
    subject: subject.encoded,
    ...(keyId && { authorityKeyId: keyId.contents }),
  });
}

/** Reads all certificates of a PEM text, in order; other blocks are skipped, no certificate at all is a fault. */
export function parseBundle(text: string): Result<readonly Certificate[], CertificateFault> {
  const blocks = readPem(text);
  if (blocks === undefined) return fail({ kind: 'pem', what: 'a PEM block is damaged' });
  const certificates: Certificate[] = [];
  for (const block of blocks) {
    if (block.label !== 'CERTIFICATE') continue;
    const certificate = parseCertificate(block.octets);
    if (!certificate.ok) return certificate;
    certificates.push(certificate.value);
  }
  if (certificates.length === 0) return fail({ kind: 'pem', what: 'there is no certificate in PEM' });
  return ok(certificates);
}

/** The certificates as PEM, in the order given. */
export function printBundle(certificates: readonly Certificate[]): string {
  return certificates.map((certificate) => printPem('CERTIFICATE', certificate.der)).join('');
}

/**
 * Whether a certificate is the answer to a request: the same public key, the same set of host names, valid since `now` or
 * before, and still valid after `until` (both milliseconds since 1970).
 */
export function fits(
  certificate: Certificate,
  csr: Pick<Csr, 'publicKey' | 'hosts'>,
  time: { readonly now: number; readonly until: number },
): boolean {
  return (
    Buffer.from(certificate.publicKey).equals(csr.publicKey) &&
    isSameHosts(certificate.hosts, csr.hosts) &&
    certificate.notBefore <= time.now &&
    certificate.notAfter > time.until
  );
}

/**
 * The chain of a leaf: the leaf, the certificate that issued it, and so on, as far as `others` go, in any order. A certificate
 * counts as issuer if its name is the issuer's and its key made the signature; of several, the one that lasts longest.
 * A self-signed root is left out (RFC 8446 4.4.2: clients have it).
 */
export function chainFor(leaf: Certificate, others: readonly Certificate[]): readonly Certificate[] {
  const chain = [leaf];
  const left = others.filter((other) => !isSame(other.der, leaf.der) && !isSame(other.subject, other.issuer));
  left.sort((a, b) => b.notAfter - a.notAfter);
  for (let current = leaf; chain.length <= CHAIN_LENGTH; ) {
    const issuer = left.find((other) => !chain.includes(other) && isIssuer(other, current));
    if (issuer === undefined) break;
    chain.push(issuer);
    current = issuer;
  }
  return chain;
}

/** Which certificates have signed one, as far as that was asked: the same are compared again and again. */
const signers = new WeakMap<Certificate, WeakMap<Certificate, boolean>>();

/** Has `issuer`, by its name and key, signed the certificate? */
export function isIssuer(issuer: Certificate, certificate: Certificate): boolean {
  if (!isSame(issuer.subject, certificate.issuer)) return false;
  const known = signers.get(certificate) ?? new WeakMap<Certificate, boolean>();
  signers.set(certificate, known);
  const isSigner = known.get(issuer) ?? hasSigned(issuer, certificate);
  known.set(issuer, isSigner);
  return isSigner;
}

function hasSigned(issuer: Certificate, certificate: Certificate): boolean {
  try {
    return new X509Certificate(certificate.der).verify(new X509Certificate(issuer.der).publicKey);
  } catch {
    return false;
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.from(a).equals(b);
}
