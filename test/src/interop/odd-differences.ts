/**
 * Where our reactions to odd messages differ from those of BIND, Knot and NSD, and may: a row for each reason, explained in
 * `docs/differences.md`. A difference without a row fails the test, and so does a row without a difference.
 */
import type { PeerName } from '../support/peer-servers.ts';

export interface OddDifference {
  readonly id: string;
  readonly peers: readonly PeerName[];
  /** `field ours/theirs`, as the test words it. */
  readonly kinds: RegExp;
  /** What is odd about the message; anything unless given. */
  readonly messages?: RegExp;
}

const META = /^type (?:0|41|128|248|249|250|253|254)\b/;
const TRANSFER = /^(?:type 25[12]|AXFR|IXFR)/;

export const ODD_DIFFERENCES: readonly OddDifference[] = [
  { id: 'odd-question-left-out', peers: ['bind', 'nsd'], kinds: /^questions [12]\/0$/ },
  {
    id: 'odd-opt-left-out',
    peers: ['bind', 'knot', 'nsd'],
    kinds: /^edns version 0\/none$/,
    messages: /\bOPT\b|option/,
  },
  { id: 'odd-silence', peers: ['knot'], kinds: /^reply some\/none$/ },
  { id: 'odd-opcode-first', peers: ['bind'], kinds: /^rcode NOTIMP\/FORMERR$/, messages: /^opcode 3 and junk$/ },
  { id: 'odd-notify', peers: ['knot', 'nsd'], kinds: /^rcode FORMERR\/(?:NOTAUTH|NXDOMAIN)$/, messages: /^opcode 4/ },
  { id: 'odd-update', peers: ['nsd'], kinds: /^rcode FORMERR\/NOTIMP$/, messages: /^opcode 5/ },
  { id: 'odd-checking-disabled', peers: ['knot', 'nsd'], kinds: /^cd 1\/0$/ },
  {
    id: 'odd-strict-query',
    peers: ['nsd'],
    kinds: /./,
    messages: /^(?:RCODE 15|all bits|an answer|an authority|an additional|an owner)/,
  },
  {
    id: 'odd-no-question',
    peers: ['bind', 'nsd'],
    kinds: /^rcode FORMERR\/NOERROR$/,
    messages: /^no question, (?:EDNS|cookie)$/,
  },
  { id: 'odd-trailing', peers: ['bind', 'nsd'], kinds: /./, messages: /^octets after/ },
  { id: 'odd-pointer-into-header', peers: ['nsd'], kinds: /./, messages: /^a pointer into the header/ },
  { id: 'odd-meta-type', peers: ['bind', 'knot', 'nsd'], kinds: /^(?:rcode|aa)/, messages: META },
  { id: 'odd-transfer', peers: ['bind', 'knot', 'nsd'], kinds: /./, messages: TRANSFER },
  { id: 'odd-class', peers: ['bind', 'knot', 'nsd'], kinds: /^(?:rcode|aa|answers)/, messages: /^class/ },
  { id: 'odd-identity', peers: ['knot', 'nsd'], kinds: /^aa 1\/0$/, messages: /^version\.bind/ },
  { id: 'odd-opcode-before-version', peers: ['nsd'], kinds: /./, messages: /^EDNS version 1, opcode 15$/ },
  { id: 'odd-opt-owner', peers: ['knot'], kinds: /./, messages: /^OPT with an owner$/ },
  { id: 'odd-cookie', peers: ['knot', 'nsd'], kinds: /./, messages: /^a cookie of/ },
  { id: 'odd-subnet', peers: ['bind'], kinds: /./, messages: /^ECS/ },
  { id: 'odd-tsig', peers: ['bind', 'knot'], kinds: /^rcode FORMERR\/NOTAUTH$/, messages: /^TSIG/ },
];
