/**
 * Certificate signing requests (PKCS #10, RFC 2986): reading one that came out of DNS, and making one for `certify`.
 *
 * A CSR read here is strict DER to its last octet, signed by its own key, with a key and with names that a public CA
 * takes; the reason stands in the fault if not. What identifies a request is its key and its set of names, never its octets.
 *
 * Left out: attributes other than the requested extensions, and extensions other than the alternative names; the CA judges them.
 */

import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { bitsOf, type DerNode, oidOf, readDer, TAG, textOf } from './der.ts';
import { commonNames, EXTENSION, readAlternativeNames, readExtensions } from './extensions.ts';
import { readHost } from './host.ts';
import { type KeyKind, kindOf, refuseKey } from './key.ts';

/** The largest CSR that is looked at, in octets: an RSA key of 4096 bits and 100 names of usual length have room. */
export const CSR_OCTETS = 16384;

/** How many host names one certificate may have (Let's Encrypt's limit). */
export const CSR_HOSTS = 100;

/** A request that holds. */
export interface Csr {
  /** The request as it came, in octets of its own. */
  readonly der: Uint8Array;
  /** SubjectPublicKeyInfo, DER. Its SHA-256 names the request. */
  readonly publicKey: Uint8Array;
  readonly keyKind: KeyKind;
  /** Lower case, each once, the common name first; at least one, at most {@link CSR_HOSTS}. */
  readonly hosts: readonly string[];
}

/**
 * Why a CSR is not taken: `size`, `der` (not strict DER), `structure` (no PKCS #10 request), `key` (a key the CA refuses),
 * `signature` (not signed by its key), `host` (a name the CA refuses, none, or too many).
 */
export interface CsrFault extends Fault {
  readonly kind: 'size' | 'der' | 'structure' | 'key' | 'signature' | 'host';
}

interface SignatureAlgorithm {
  /** `null` for algorithms that hash by themselves. */
  readonly hash: string | null;
  readonly key: KeyObject['asymmetricKeyType'];
}

/** What Let's Encrypt accepts, and Ed25519 (RFC 8410) for CAs of one's own. RSA carries NULL parameters (RFC 4055 5). */
const SIGNATURES: Readonly<Record<string, SignatureAlgorithm>> = {
  '1.2.840.113549.1.1.11': { hash: 'sha256', key: 'rsa' },
  '1.2.840.113549.1.1.12': { hash: 'sha384', key: 'rsa' },
  '1.2.840.113549.1.1.13': { hash: 'sha512', key: 'rsa' },
  '1.2.840.10045.4.3.2': { hash: 'sha256', key: 'ec' },
  '1.2.840.10045.4.3.3': { hash: 'sha384', key: 'ec' },
  '1.2.840.10045.4.3.4': { hash: 'sha512', key: 'ec' },
  '1.3.101.112': { hash: null, key: 'ed25519' },
};

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
/** `attributes [0] IMPLICIT SET OF`. */
const ATTRIBUTES = 0xa0;

function refuse(kind: CsrFault['kind'], what: string, hint?: string): { readonly ok: false; readonly fault: CsrFault } {
  return fail(hint === undefined ? { kind, what } : { kind, what, hint });
}

/**
 * Reads a CSR (DER). With `anyKey`, keys that public CAs refuse but that can be checked (Ed25519, P-521) pass as well:
 * for one's own CSR, or a CA of one's own.
 */
export function parseCsr(octets: Uint8Array, options: { readonly anyKey?: boolean } = {}): Result<Csr, CsrFault> {
  if (octets.length > CSR_OCTETS) {
    return refuse('size', `the CSR has ${octets.length} octets, more than ${CSR_OCTETS}`);
  }
  const der = Uint8Array.from(octets);
  const request = readDer(der);
  if (request === undefined) return refuse('der', 'the CSR is not one value in DER');
  const [info, algorithm, signed] = request.children;
  const [version, subject, key, attributes] = info?.children ?? [];
  const signature = bitsOf(signed);
  if (
    request.tag !== TAG.sequence ||
    request.children.length !== 3 ||
    info?.tag !== TAG.sequence ||
    info.children.length !== 4 ||
    version?.tag !== TAG.integer ||
    !isZero(version) ||
    subject?.tag !== TAG.sequence ||
    key?.tag !== TAG.sequence ||
    attributes?.tag !== ATTRIBUTES ||
    algorithm?.tag !== TAG.sequence ||
    signature === undefined
  ) {
    return refuse('structure', 'the octets are no PKCS #10 certification request');
  }

  const publicKey = readPublicKey(key.encoded);
  if (publicKey === undefined) return refuse('key', 'the public key of the CSR cannot be read');
  const reason = refuseKey(publicKey, options.anyKey === true);
  const keyKind = kindOf(publicKey);
  if (reason !== undefined || keyKind === undefined) {
    return refuse('key', reason ?? 'the key type of the CSR is unknown', 'make the key with --type p256');
  }

  if (!isSigned(algorithm, publicKey, info.encoded, signature)) {
    return refuse('signature', 'the CSR is not signed by its own key with an algorithm the CA accepts');
  }

  const hosts = readHosts(subject, attributes);
  return hosts.ok ? ok({ der, publicKey: key.encoded, keyKind, hosts: hosts.value }) : hosts;
}

function isZero(node: DerNode): boolean {
  return node.contents.length === 1 && node.contents[0] === 0;
}

function readPublicKey(spki: Uint8Array): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    // A key that is written in another way than the usual one would not equal the key in the certificate.
    return key.export({ format: 'der', type: 'spki' }).equals(spki) ? key : undefined;
  } catch {
    return undefined;
  }
}

function isSigned(algorithm: DerNode, key: KeyObject, signed: Uint8Array, signature: Uint8Array): boolean {
  const [id, parameters] = algorithm.children;
  const known = SIGNATURES[oidOf(id)];
  if (known === undefined || known.key !== key.asymmetricKeyType) return false;
  if (known.key === 'rsa' ? parameters?.tag !== TAG.null : parameters !== undefined) return false;
  if (algorithm.children.length > 2) return false;
  try {
    return verify(known.hash, signed, key, signature);
  } catch {
    return false;
  }
}

function readHosts(subject: DerNode, attributes: DerNode): Result<readonly string[], CsrFault> {
  const common = commonNames(subject);
  if (common.length > 1) return refuse('host', 'the CSR has more than one common name');
  const names: string[] = [];
  for (const name of common) {
    const text = textOf(name);
    if (text === undefined) return refuse('host', 'the common name of the CSR is in an encoding that no CA reads');
    if (text !== '') names.push(text);
  }

  const requested = attributes.children.filter((attribute) => oidOf(attribute.children[0]) === EXTENSION_REQUEST);
  if (requested.length > 1) return refuse('structure', 'the CSR requests extensions twice');
  if (requested[0] !== undefined) {
    const values = requested[0].children[1];
    const list = values?.tag === TAG.set && values.children.length === 1 ? values.children[0] : undefined;
    const extensions = list && readExtensions(list);
    if (extensions === undefined) return refuse('structure', 'the requested extensions of the CSR are malformed');
    const value = extensions.get(EXTENSION.subjectAltName);
    const alternative = value === undefined ? { dns: [], other: 0 } : readAlternativeNames(value);
    if (alternative === undefined) return refuse('structure', 'the alternative names of the CSR are malformed');
    if (alternative.other > 0) {
      return refuse('host', 'the CSR asks for a name that is no host name', 'leave addresses, e-mail and URIs out');
    }
    names.push(...alternative.dns);
  }

  const hosts = new Set<string>();
  for (const name of names) {
    const host = readHost(name);
    if (host === undefined)
      return refuse('host', `the CSR asks for ${JSON.stringify(clip(name))}, which is no host name`);
    hosts.add(host);
  }
  if (hosts.size === 0) return refuse('host', 'the CSR asks for no host name');
  if (hosts.size > CSR_HOSTS)
    return refuse('host', `the CSR asks for ${hosts.size} host names, more than ${CSR_HOSTS}`);
  return ok([...hosts]);
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

/** The longest common name (RFC 5280 appendix A: ub-common-name); a longer host stands in the alternative names only. */
const COMMON_NAME_LENGTH = 64;

/**
 * A CSR (DER) for `hosts`, signed by the private `key`: the first host is the common name, all of them are alternative
 * names (CAs read nothing else any more). A host that is none, or none at all, is a fault of kind `host`.
 */
export async function makeCsr(request: {
  readonly hosts: readonly string[];
  readonly key: KeyObject;
}): Promise<Result<Uint8Array, CsrFault>> {
  const hosts = new Set<string>();
  for (const name of request.hosts) {
    const host = readHost(name);
    if (host === undefined) return refuse('host', `${JSON.stringify(clip(name))} is no host name`);
    hosts.add(host);
  }
  const [first] = hosts;
  if (first === undefined) return refuse('host', 'a CSR needs a host name');
  if (hosts.size > CSR_HOSTS) return refuse('host', `${hosts.size} host names are more than ${CSR_HOSTS}`);

  const { signRequest } = await import('./x509.ts');
  const commonName = first.length > COMMON_NAME_LENGTH ? undefined : first;
  return ok(await signRequest(request.key, commonName, [...hosts]));
}
