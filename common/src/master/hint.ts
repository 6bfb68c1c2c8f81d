/**
 * What helps against the commonest faults of a file: by what a fault says, or else an example of the type whose data is at fault,
 * which also shows what a missing or misplaced field is.
 *
 * Left out: hints that need to know more, which stand where the fault is found. Always holds: a hint says nothing of the content.
 */
import { parseType } from '../rr/type.ts';

/** How the text of a fault ends, and what to do. */
const HINTS: readonly (readonly [ending: string, hint: string])[] = [
  ['is no IPv4 address', 'four numbers of 0..255 with dots between them, as 192.0.2.1'],
  ['is no IPv6 address', 'as 2001:db8::1, without brackets'],
  ['not valid hexadecimal', 'two of the digits 0-9 and a-f for each octet'],
  ['not valid base64', 'A-Z, a-z, 0-9, + and /, filled up with = to a multiple of four'],
  ['an empty label', 'a name does not begin with a dot, and has no two in a row'],
  ['a label of more than 63 octets', 'a label is what stands between two dots'],
  ['a name of more than 255 octets', 'a name without a dot at its end has the origin behind it'],
  ['an empty name', '@ is the origin, and . the root'],
  ['a backslash not followed by a character or by three digits up to 255', 'a backslash itself is written \\\\'],
  [' record holds', 'text with blanks stands in quotes, and a comment behind a semicolon'],
];

/** A record each, HEX standing for digits. */
export const EXAMPLES: readonly string[] = [
  'A 192.0.2.1',
  'AAAA 2001:db8::1',
  'CAA 0 issue "ca.example"',
  'CNAME host',
  'DNAME other.example.',
  'DS 12345 13 2 HEX',
  'HTTPS 1 . alpn=h2',
  'MX 10 mail',
  'NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp',
  'NS ns',
  'PTR host.example.',
  'SMIMEA 3 1 1 HEX',
  'SOA ns hostmaster 1 16384 2048 1048576 300',
  'SRV 0 0 443 host',
  'SSHFP 4 2 HEX',
  'SVCB 1 host port=853',
  'TLSA 3 1 1 HEX',
  'TXT "text"',
  'URI 10 1 "https://www.example/"',
];

const byType: ReadonlyMap<number, string> = new Map(
  EXAMPLES.map((example) => [parseType(example.slice(0, example.indexOf(' ')))!, `as \`${example}\``]),
);

/** A hint against a fault, in the data of a type where one is given. */
export function hintAgainst(what: string, type?: number): string | undefined {
  const hint = HINTS.find(([ending]) => what.endsWith(ending))?.[1];
  return hint ?? (type === undefined ? undefined : byType.get(type));
}
