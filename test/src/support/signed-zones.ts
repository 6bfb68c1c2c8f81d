/**
 * A family of zones on one server, made for proofs: `example.` signed, `child.example.` signed below it with a DS, `plain.example.`
 * unsigned below it without one. And what there is to ask of them.
 */
import type { Owner } from './owner.ts';
import { type Denial, type SignedZone, type Signer, type SigningOptions, signZone } from './signer.ts';

/** What is asked for, and what is known of its answers. */
export interface Asked {
  readonly name: string;
  /** Whether there is a chain of trust to them; `unreachable` where they come from servers that are not there. */
  readonly trust: 'secure' | 'insecure' | 'unreachable';
  /** At a zone cut the answer about DS, and at an alias that about CNAME, comes from the signed zone all the same. */
  readonly signedType?: 'DS' | 'CNAME';
}

export interface SignedFamily {
  readonly parent: SignedZone;
  readonly child: SignedZone;
  /** The zone files by their zone, without final dot. */
  readonly files: Readonly<Record<string, string>>;
  /** The same before they were signed. */
  readonly unsigned: Readonly<Record<string, string>>;
  readonly asked: readonly Asked[];
}

const top = '$TTL 3600\n@ SOA ns hostmaster 1 3600 600 86400 300\n@ NS ns\nns A 127.0.0.1\n';

const signed = `@ NS ns.plain
@ MX 10 mail
@ TXT "at the apex"
ns AAAA ::1
mail A 192.0.2.2
www A 192.0.2.1
www A 192.0.2.3
MiXeD A 192.0.2.4
UPPER.MiXeD TXT "letters"
low.mixed TXT "letters"
; empty non-terminals
a.b.c A 192.0.2.5
x.y.z.c TXT "deep"
; wildcards, one of them an empty non-terminal, one with a name of its own below
*.w A 192.0.2.6
*.w MX 10 mail
host.w A 192.0.2.7
below.host.w A 192.0.2.7
under.*.odd TXT "below an asterisk"
*.tree.w TXT "further down"
*.alias CNAME www
*.broken CNAME nowhere
*.rename DNAME w
; chains
c1 CNAME c2
c2 CNAME www
to-wild CNAME any.w
to-nothing CNAME nothing.here
to-ent CNAME b.c
to-nodata CNAME mail
to-cut CNAME www.plain
to-child CNAME www.child
to-outside CNAME www.other.test.
loop1 CNAME loop2
loop2 CNAME loop1
d DNAME w
d2 DNAME c
d-out DNAME other.test.
d-nothing DNAME nowhere
to-d CNAME q.d2
; what wants addresses
_443._tcp.www TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
_s._tcp SRV 0 0 443 www
_s._tcp SRV 0 0 443 nowhere
; delegations: to a zone that is here too, to servers elsewhere, below empty non-terminals, with a DS to nothing
plain NS ns.plain
ns.plain A 127.0.0.1
child NS ns.child
child NS ns
ns.child A 127.0.0.1
elsewhere NS ns.other.test.
far.below.ent.del NS ns.other.test.
sibling NS ns.plain
promised NS ns.other.test.
promised DS 12345 13 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
; what a zone cut hides
txt.elsewhere TXT "hidden"
www.elsewhere A 192.0.2.9
*.elsewhere A 192.0.2.9
`;

const childText = `${top}www A 192.0.2.10
*.wild TXT "of the child"
a.ent A 192.0.2.11
to-www CNAME www
grand NS ns.other.test.
`;

const plainText = `${top}www A 192.0.2.20
*.wild TXT "unsigned"
`;

const secure = [
  ...['@', 'ns', 'mail', 'www', 'mixed', 'MIXED', 'upper.mixed', 'LOW.mixed', 'other.mixed'],
  ...['c', 'b.c', 'a.b.c', 'y.z.c', 'z.c', 'x.y.z.c', 'q.c', 'q.b.c', 'q.a.b.c', 'p.q.r.c'],
  ...['w', '*.w', 'any.w', 'any.any.w', 'host.w', 'below.host.w', 'q.host.w', 'q.*.w', 'tree.w', 'a.b.tree.w'],
  ...['odd', '*.odd', 'under.*.odd', 'any.odd', 'q.*.odd', 'under.any.odd'],
  ...['any.alias', '*.alias', 'alias', 'any.broken', 'any.rename', 'q.any.rename', 'rename', 'q.*.rename'],
  ...['c1', 'c2', 'q.c1', 'to-wild', 'to-nothing', 'to-ent', 'to-nodata', 'to-child', 'loop1'],
  ...['d', 'x.d', 'host.d', 'd2', 'a.b.d2', 'b.d2', 'q.d2', 'd-nothing', 'x.d-nothing', 'd-out', 'to-d'],
  ...['_443._tcp.www', '_tcp.www', '_tcp', '_s._tcp', '_25._tcp.www'],
  ...['nothing', 'nothing.at.all', '!', '~~~', '0', 'zzz', 'ent.del', 'below.ent.del', 'del', 'q.ent.del', 'q.del'],
  ...['child', 'www.child', 'q.child', 'any.wild.child', 'ent.child', 'a.ent.child', 'q.a.ent.child', 'to-www.child'],
];
const insecure = ['www.plain', 'q.plain', 'any.wild.plain', 'wild.plain', 'ns.plain'];
const cuts = ['elsewhere', 'far.below.ent.del', 'sibling', 'promised', 'grand.child'];
const unreachable = ['txt.elsewhere', 'www.elsewhere', 'q.elsewhere', 'q.far.below.ent.del', 'q.sibling', 'q.promised'];

const absolute = (name: string): string => (name === '@' ? 'example.' : `${name}.example.`);

const asked: readonly Asked[] = [
  ...secure.map((name) => ({ name, trust: 'secure' as const })),
  ...insecure.map((name) => ({ name, trust: 'insecure' as const })),
  { name: 'plain', trust: 'insecure' as const, signedType: 'DS' as const },
  { name: 'to-cut', trust: 'insecure' as const, signedType: 'CNAME' as const },
  ...cuts.map((name) => ({ name, trust: 'unreachable' as const, signedType: 'DS' as const })),
  { name: 'to-outside', trust: 'unreachable' as const, signedType: 'CNAME' as const },
  ...[...unreachable, 'q.grand.child', 'x.d-out'].map((name) => ({ name, trust: 'unreachable' as const })),
].map((row) => ({ ...row, name: absolute(row.name) }));

export type FamilyOptions = Pick<SigningOptions, 'iterations' | 'salt'> & {
  readonly signer: Signer;
  readonly denial: Denial;
};

/** Makes and signs the family. */
export const signFamily = async (owner: Owner, options: FamilyOptions): Promise<SignedFamily> => {
  const child = await signZone(owner, { ...options, origin: 'child.example.', text: childText });
  const parentText = `${top}${signed}${child.ds}\n`;
  const parent = await signZone(owner, { ...options, origin: 'example.', text: parentText });
  return {
    parent,
    child,
    files: { example: parent.text, 'child.example': child.text, 'plain.example': plainText },
    unsigned: { example: parentText, 'child.example': childText, 'plain.example': plainText },
    asked,
  };
};

/** Both signers and all kinds of chain, with and without salt and rounds. */
export const FAMILIES: readonly FamilyOptions[] = [
  { signer: 'ldns-signzone', denial: 'NSEC' },
  { signer: 'dnssec-signzone', denial: 'NSEC' },
  { signer: 'ldns-signzone', denial: 'NSEC3', iterations: 1, salt: 'abcd' },
  { signer: 'dnssec-signzone', denial: 'NSEC3' },
  { signer: 'ldns-signzone', denial: 'opt-out' },
  { signer: 'dnssec-signzone', denial: 'opt-out', iterations: 3, salt: 'ff' },
];
