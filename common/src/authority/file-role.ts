/**
 * Which files of the repository are zones and which hold keys: their names say it. Flat files at the root, named in presentation
 * form (RFC 1035 5.1), lower case, without final dot, `/` written `\047`; the root zone is `@`, a key file ends in `_keys`.
 *
 * Always holds: each zone and each domain has exactly one file name; all other names are left alone, with a reason.
 */
import { Name } from '../name.ts';

/** What the name of a file at the root of the repository says it is. */
export type FileRole =
  | { readonly kind: 'zone'; readonly origin: Name }
  /** Keys whose names are at or below `domain`. */
  | { readonly kind: 'keys'; readonly domain: Name }
  /** `reason`: why it is neither, for people. */
  | { readonly kind: 'other'; readonly reason: string };

export const KEYS_LABEL = '_keys';

/** The name of the file that holds a zone: `example.com`, `0\04726.2.0.192.in-addr.arpa`, `@` for the root. */
export function zoneFileName(origin: Name): string {
  if (origin.isRoot) return '@';
  return origin.toLowerCase().toString().slice(0, -1).replaceAll('/', '\\047');
}

/** The name of the file that holds the keys of a domain: `example.com._keys`, `_keys` for the root. */
export function keyFileName(domain: Name): string {
  return domain.isRoot ? KEYS_LABEL : `${zoneFileName(domain)}.${KEYS_LABEL}`;
}

/** Tells zones and keys by the name of the file, which must be spelled as {@link zoneFileName} and {@link keyFileName} do. */
export function fileZone(fileName: string): FileRole {
  const name = Name.parse(fileName);
  if (!name.ok) return { kind: 'other', reason: `its name is no domain name: ${name.fault.what}` };
  const labels = name.value.labels;
  const last = labels.at(-1);
  const isKeys = last !== undefined && Buffer.from(last).toString('latin1').toLowerCase() === KEYS_LABEL;
  const domain = isKeys ? withoutLast(labels) : name.value;
  const spelling = isKeys ? keyFileName(domain) : zoneFileName(domain);
  if (fileName !== spelling)
    return {
      kind: 'other',
      reason: `the file of ${isKeys ? `the keys of ${domain}` : `zone ${domain}`} is named ${spelling}`,
    };
  return isKeys ? { kind: 'keys', domain } : { kind: 'zone', origin: domain };
}

/** Is it named as a key file, be it not in the spelling that counts? Whoever named it so believes that its keys are in force. */
export const isNamedAsKeys = (fileName: string): boolean => /(?:^|\.)_keys\.?$/i.test(fileName);

function withoutLast(labels: readonly Uint8Array[]): Name {
  const name = Name.fromLabels(labels.slice(0, -1));
  return name.ok ? name.value : Name.root;
}
