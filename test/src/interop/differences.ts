/**
 * Where our answers differ from those of BIND, Knot and NSD, and may: a row for each reason. What is behind a row, and the RFC
 * that it rests on, stands under its name in `docs/differences.md`.
 *
 * A difference that no row explains fails the test, and so does a row that explains nothing.
 */
import { TYPE } from '@zonewright/common/rr/type';
import type { Asked } from '../support/nasty.ts';
import type { PeerName } from '../support/peer-servers.ts';

export interface AnswerDifference {
  readonly id: string;
  readonly peers: readonly PeerName[];
  /** Kinds of difference as `answer-compare.ts` words them. */
  readonly kinds: RegExp;
  /** Zones of `test/files/nasty` in which it shows; any unless given. */
  readonly themes?: RegExp;
  readonly when?: (asked: Asked) => boolean;
}

/** RRSIG, NSEC, NSEC3, NSEC3PARAM */
const PROOFS: ReadonlySet<number> = new Set([46, 47, 50, 51]);
/** SVCB, HTTPS */
const isService = ({ type }: Asked): boolean => type === TYPE.SVCB || type === TYPE.HTTPS;
const isAny = ({ type }: Asked): boolean => type === TYPE.ANY;
const isSmall = ({ manner }: Asked): boolean => manner.transport === 'udp' && (manner.size ?? 512) <= 512;

/** They have addresses that we have not; we have some that they have not. */
const THEIR_ADDRESSES = /^(?:additional|glue) -A(?: -AAAA)?$/;
/** Addresses, and the SVCB and HTTPS records that stand beside them. */
const OUR_ADDRESSES = /^additional(?: \+(?:A|AAAA|HTTPS|SVCB))+$/;
/** What another way through the zone leads to. */
const OTHERWISE = /^(?:rcode|aa|tc|answer|authority|additional|glue) /;
/** What a server that follows more or fewer aliases than we do answers otherwise. */
const CHAIN = /^(?:rcode NOERROR\/SERVFAIL|answer [-+ A-Z]*|authority [-+]SOA|tc .*)$/;

export const ANSWER_DIFFERENCES: readonly AnswerDifference[] = [
  { id: 'any-sets', peers: ['bind', 'knot', 'nsd'], kinds: /^any$/, when: isAny },
  {
    id: 'any-behind-dname',
    peers: ['bind'],
    kinds: OTHERWISE,
    themes: /cname-loop|6672|4592-dname|2181-ttls|8482|^root/,
    when: isAny,
  },
  {
    id: 'any-without-ds',
    peers: ['bind'],
    kinds: /^(?:answer \+DS|ad 0\/1|authority -SOA)$/,
    themes: /4035-ds-cut/,
    when: isAny,
  },
  { id: 'alias-of-proofs', peers: ['bind', 'knot', 'nsd'], kinds: OTHERWISE, when: ({ type }) => PROOFS.has(type) },
  { id: 'apex-ns', peers: ['nsd'], kinds: /^authority -NS$/ },
  {
    id: 'apex-ns-address',
    peers: ['nsd'],
    kinds: /^additional (?:-AAAA|-A|-A -AAAA)$/,
    themes: /apex-ns|tld|ds-child|ds-cut|cname-out|^root/,
  },
  { id: 'apex-ns-glue', peers: ['bind'], kinds: /^additional \+A(?: \+AAAA| -A)?$/, themes: /apex-ns|tld|^root/ },
  { id: 'address-in-512', peers: ['bind'], kinds: OUR_ADDRESSES, when: isSmall },
  { id: 'address-for-any', peers: ['bind'], kinds: OUR_ADDRESSES, when: isAny },
  {
    id: 'address-of-server',
    peers: ['bind'],
    kinds: /^glue \+A(?: \+AAAA)?$/,
    themes: /4\.3\.2-steps|glue-sibling|big-ns/,
  },
  {
    id: 'address-by-wildcard',
    peers: ['bind', 'knot', 'nsd'],
    kinds: /^(?:additional|glue) -A(?: -AAAA)?(?: -HTTPS)?$/,
    themes: /apex-ns|glue-sibling|4592-mx/,
  },
  { id: 'tlsa-of-target', peers: ['bind'], kinds: /^additional -TLSA$/, themes: /1035-additional/ },
  {
    id: 'service-targets',
    peers: ['bind', 'knot'],
    kinds: OUR_ADDRESSES,
    themes: /1035-additional|4592-mx/,
    when: isService,
  },
  {
    id: 'service-behind-cname',
    peers: ['bind'],
    kinds: /^additional -A -AAAA -CNAME -HTTPS$/,
    themes: /1035-additional/,
    when: isService,
  },
  {
    id: 'address-below-cut',
    peers: ['knot'],
    kinds: THEIR_ADDRESSES,
    themes: /1034-(?:case|occluded)|1035-additional/,
  },
  {
    id: 'address-of-later-types',
    peers: ['knot', 'nsd'],
    kinds: OUR_ADDRESSES,
    themes: /1035-(?:additional|types)|4592-mx/,
  },
  {
    id: 'naptr-flags',
    peers: ['bind'],
    kinds: /^additional (?:-A -AAAA -SRV|\+A \+AAAA)$/,
    themes: /1035-(?:additional|types)/,
    when: ({ type }) => type === TYPE.NAPTR,
  },
  { id: 'glue-room', peers: ['bind', 'knot', 'nsd'], kinds: /^glue [-+A ]*$/, themes: /big-ns|longest-names/ },
  { id: 'glue-truncated', peers: ['bind', 'nsd'], kinds: /^tc 1\/0$/, themes: /big-ns/ },
  { id: 'additional-room', peers: ['bind'], kinds: /^additional /, themes: /big-address/ },
  { id: 'chain-length', peers: ['bind', 'knot', 'nsd'], kinds: CHAIN, themes: /cname-long|6672-chain/ },
  { id: 'loop', peers: ['bind', 'knot', 'nsd'], kinds: CHAIN, themes: /cname-loop|4592-cname|6672-overflow/ },
  { id: 'twice', peers: ['knot', 'nsd'], kinds: /^answer \/twice$/, themes: /cname-loop|6672-root|4592-cname/ },
  {
    id: 'other-zone',
    peers: ['bind', 'nsd'],
    kinds: OTHERWISE,
    themes: /cname-out|6672-(?:apex|owner|root)|4035-ds-cut|^root/,
  },
  {
    id: 'overflow-behind-alias',
    peers: ['knot'],
    kinds: /^(?:rcode YXDOMAIN\/NXDOMAIN|authority -SOA)$/,
    themes: /6672-overflow/,
  },
  { id: 'truncated-rcode', peers: ['bind', 'knot', 'nsd'], kinds: /^truncated rcode /, themes: /6672|cname-loop/ },
  {
    id: 'compression',
    peers: ['bind', 'knot', 'nsd'],
    kinds: /^tc /,
    themes: /6672-overflow|cname-loop|most-labels|longest-names/,
  },
  { id: 'nul-in-label', peers: ['knot'], kinds: OTHERWISE, themes: /nul-in-label/ },
  { id: 'wildcard-ns', peers: ['knot'], kinds: OTHERWISE, themes: /4592-ns/ },
  { id: 'wildcard-dname', peers: ['knot'], kinds: /^answer \+DNAME -DNAME$/, themes: /4592-dname/ },
  { id: 'undelegated-ds', peers: ['nsd'], kinds: /^rcode NXDOMAIN\/NOERROR$/, themes: /4035-undelegated-child/ },
];

/** `theme server`: zones that a server does not load. It is not asked about them; nobody is where it is ours. */
export const REFUSED_ZONES: readonly string[] = [
  '4592-ns bind',
  '6672-ns knot',
  '6672-ns zonewright',
  '6672-occluded knot',
  '6672-occluded nsd',
];
