/**
 * The X.509 extensions this suite reads, of a CSR (RFC 2985 5.4.2) or a certificate (RFC 5280 4.2): a list of
 * `SEQUENCE { id, critical DEFAULT FALSE, OCTET STRING }`, and in it the subject alternative names.
 */

import { type DerNode, oidOf, readDer, TAG } from './der.ts';

/** Object identifiers of extensions (RFC 5280 4.2.1). */
export const EXTENSION = {
  subjectKeyId: '2.5.29.14',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
} as const;

/** The value of each extension by its identifier; `undefined` if the list is malformed or names one twice (RFC 5280 4.2). */
export function readExtensions(list: DerNode): ReadonlyMap<string, DerNode> | undefined {
  if (list.tag !== TAG.sequence) return undefined;
  const found = new Map<string, DerNode>();
  for (const extension of list.children) {
    const [id, ...rest] = extension.children;
    const value = rest.length === 2 && rest[0]!.tag === TAG.boolean ? rest[1] : rest.length === 1 ? rest[0] : undefined;
    const oid = oidOf(id);
    if (extension.tag !== TAG.sequence || oid === '' || value?.tag !== TAG.octetString || found.has(oid)) {
      return undefined;
    }
    found.set(oid, value);
  }
  return found;
}

/** Subject alternative names: the dNSNames as they stand there, and how many names of other kinds there are. */
export interface AlternativeNames {
  readonly dns: readonly string[];
  readonly other: number;
}

/** The contents of a subjectAltName extension (RFC 5280 4.2.1.6); `undefined` if malformed. */
export function readAlternativeNames(value: DerNode): AlternativeNames | undefined {
  const names = readDer(value.contents);
  if (names?.tag !== TAG.sequence) return undefined;
  const dns = names.children.filter((name) => name.tag === DNS_NAME);
  return {
    dns: dns.map((name) => Buffer.from(name.contents).toString('latin1')),
    other: names.children.length - dns.length,
  };
}

/** GeneralName `dNSName [2] IA5String`, implicit. */
const DNS_NAME = 0x82;

const COMMON_NAME = '2.5.4.3';

/** The values of all common names of a Name (RFC 5280 4.1.2.4), in order, still encoded. */
export function commonNames(name: DerNode): readonly DerNode[] {
  const values: DerNode[] = [];
  for (const relative of name.children) {
    for (const pair of relative.children) {
      if (oidOf(pair.children[0]) === COMMON_NAME && pair.children[1] !== undefined) values.push(pair.children[1]);
    }
  }
  return values;
}
