/**
 * Where our answers about signed zones differ from those of BIND, Knot and NSD, and may: rows as in `differences.ts`, with the kind
 * of chain (NSEC, NSEC3, opt-out) as their theme. What is behind a row stands under its name in `docs/differences.md`.
 */
import { TYPE } from '@zonewright/common/rr/type';
import type { Asked } from '../support/nasty.ts';
import type { AnswerDifference } from './differences.ts';

const { NSEC, NSEC3 } = TYPE;

/** Is the name asked for one of these, or below one of them? */
const at =
  (...names: readonly string[]) =>
  ({ name }: Asked): boolean =>
    names.some((each) => `.${name}`.toLowerCase().endsWith(`.${each}.example.`));

export const SIGNED_DIFFERENCES: readonly AnswerDifference[] = [
  {
    id: 'signed-room',
    peers: ['bind', 'knot', 'nsd'],
    kinds: /^(?:tc|truncated rcode) /,
    when: ({ manner }) => manner.transport === 'udp' && manner.size === 512,
  },
  {
    id: 'signed-nsec-at-cut',
    peers: ['bind'],
    kinds: /^(?:aa 0\/1|answer -NSEC -RRSIG|authority \+(?:DS \+)?NS (?:\+NSEC )?\+RRSIG)$/,
    themes: /^NSEC$/,
    when: ({ type }) => type === NSEC,
  },
  {
    id: 'signed-nsec-by-wildcard',
    peers: ['knot'],
    kinds: /^authority \+NSEC \+RRSIG$/,
    themes: /^NSEC$/,
    when: ({ type, name }) => type === NSEC && !name.isWildcard,
  },
  {
    id: 'signed-alias-of-proofs',
    peers: ['bind', 'knot', 'nsd'],
    kinds: /./,
    when: ({ type }) => type === NSEC || type === NSEC3,
  },
  { id: 'signed-apex-ns', peers: ['nsd'], kinds: /^authority -NS(?: -RRSIG)?$/ },
  { id: 'signed-loop', peers: ['bind'], kinds: /^rcode NOERROR\/SERVFAIL$/, when: at('loop1', 'loop2') },
  { id: 'signed-other-zone', peers: ['bind', 'nsd'], kinds: /./, when: at('to-child', 'to-cut') },
  { id: 'signed-wildcard-dname', peers: ['knot'], kinds: /./, when: at('*.rename') },
  {
    id: 'signed-empty-wildcard',
    peers: ['bind', 'knot'],
    kinds: /^authority \+NSEC \+RRSIG$/,
    themes: /^NSEC$/,
    when: at('odd'),
  },
  {
    id: 'signed-behind-dname',
    peers: ['nsd'],
    kinds: /^authority (?:\+NSEC \+RRSIG|-NSEC -RRSIG|\+NSEC \+RRSIG (?:-NS )?-NSEC -RRSIG)$/,
    themes: /^NSEC$/,
    when: at('d', 'd2', '*.rename', 'to-d'),
  },
  {
    id: 'signed-asterisk-less',
    peers: ['knot'],
    kinds: /^authority \+NSEC3? \+RRSIG$/,
    when: ({ name }) => name.isWildcard,
  },
  {
    id: 'signed-asterisk-more',
    peers: ['nsd'],
    kinds: /^authority -NSEC3 -RRSIG$/,
    themes: /NSEC3|opt-out/,
    when: ({ name }) => name.isWildcard,
  },
  {
    id: 'signed-below-hash',
    peers: ['nsd'],
    kinds: /^authority \+NSEC3 \+RRSIG(?: -NSEC3 -RRSIG)?$/,
    themes: /NSEC3|opt-out/,
    when: ({ name }) => /^x\.[0-9a-v]{32}\./i.test(name.toString()),
  },
  {
    id: 'signed-opt-out-empty',
    peers: ['nsd'],
    kinds: /^authority \+NSEC3 \+RRSIG(?: -NSEC3 -RRSIG)?$/,
    themes: /opt-out/,
    when: at('del'),
  },
];
