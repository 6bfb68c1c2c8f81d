/**
 * The probes by which RFC 8906 8 tells whether a server answers what it does not know: each with the section that asks for it, the
 * `dig` options that send it, and what it expects. They go over UDP; 8.1.5 is the first of them over TCP.
 */

import type { Authority } from '@zonewright/common/authority/authority';
import { ClientAddress } from '@zonewright/common/authority/client-address';
import { receive } from '@zonewright/common/authority/receive';
import { Responder } from '@zonewright/common/authority/responder';
import type { Transport } from '@zonewright/common/authority/transport';
import { CLASS } from '@zonewright/common/rr/class';
import { parseType } from '@zonewright/common/rr/type';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { type Edns, OPTION, optSize } from '@zonewright/common/wire/edns';
import { decodeMessage, emptyMessage, encodeMessage, type Message } from '@zonewright/common/wire/message';
import test from 'ava';
import { authorityOf, NOW } from '../support/answering.ts';
import { given, nameOf, zoneOf } from '../support/records.ts';

const KEY = `256 3 8 ${'A'.repeat(340)}`;
const authority: Authority = authorityOf(
  zoneOf(
    ['@ 60 NS ns', 'ns 60 A 192.0.2.1', `@ 60 DNSKEY ${KEY}`, `@ 60 DNSKEY ${KEY.replace('256', '257')}`].join('\n'),
  ),
);

interface Probe {
  readonly section: string;
  /** As for `dig`. */
  readonly args: string;
  readonly type?: string;
  readonly message?: Partial<Message>;
  readonly edns?: Partial<Edns>;
  /** Bits of the EDNS flags beside DO. */
  readonly flags?: number;
  /** Bits of the header that no encoder sets. */
  readonly bits?: number;
  readonly rcode: number;
  /** Does the reply have the answer? */
  readonly isAnswered: boolean;
}

const option = (code: number, octets = 0) => ({ code, data: new Uint8Array(octets) });
const UNKNOWN = option(100);
const FLAG = 0x40;
/** The bit of the header that has no meaning, in its fourth octet. */
const Z = 0x40;
/** The lower octet of the flags in an OPT record. */
const OPT_FLAGS_AT = 8;
const good = { rcode: RCODE.NOERROR, isAnswered: true };
const badVersion = { rcode: RCODE.BADVERS, isAnswered: false };

const PROBES: readonly Probe[] = [
  { section: '8.1.1', args: '+noedns soa', ...good },
  { section: '8.1.2', args: '+noedns type1000', type: 'TYPE1000', rcode: RCODE.NOERROR, isAnswered: false },
  { section: '8.1.3.1', args: '+cd', message: { cd: true }, ...good },
  { section: '8.1.3.2', args: '+ad', message: { ad: true }, ...good },
  { section: '8.1.3.3', args: '+zflag', bits: Z, ...good },
  { section: '8.1.3.4', args: '+rec', message: { rd: true }, ...good },
  {
    section: '8.1.4',
    args: '+opcode=15 +header-only',
    message: { opcode: 15, questions: [] },
    rcode: RCODE.NOTIMP,
    isAnswered: false,
  },
  { section: '8.2.1', args: '+edns=0', edns: {}, ...good },
  { section: '8.2.2', args: '+edns=1 +noednsneg', edns: { version: 1 }, ...badVersion },
  { section: '8.2.3', args: '+ednsopt=100', edns: { options: [UNKNOWN] }, ...good },
  { section: '8.2.4', args: '+ednsflags=0x40', edns: {}, flags: FLAG, ...good },
  { section: '8.2.5', args: '+edns=1 +ednsflags=0x40', edns: { version: 1 }, flags: FLAG, ...badVersion },
  { section: '8.2.6', args: '+edns=1 +ednsopt=100', edns: { version: 1, options: [UNKNOWN] }, ...badVersion },
  { section: '8.2.8', args: '+dnssec', edns: { dnssecOk: true }, ...good },
  { section: '8.2.9', args: '+edns=1 +dnssec', edns: { version: 1, dnssecOk: true }, ...badVersion },
  {
    section: '8.2.10',
    args: '+nsid +cookie +subnet=0/0 +expire',
    edns: { options: [option(OPTION.NSID), option(OPTION.COOKIE, 8), option(8, 4), option(OPTION.EXPIRE)] },
    ...good,
  },
];

function octetsOf({ type = 'SOA', message, edns, flags = 0, bits = 0 }: Probe): Uint8Array {
  const questions = [{ name: nameOf('example.'), type: parseType(type)!, class: CLASS.IN }];
  const opt = { udpSize: 4096, version: 0, dnssecOk: false, options: [] };
  const octets = encodeMessage({
    ...emptyMessage(7, OPCODE.QUERY),
    questions,
    ...message,
    ...(edns === undefined ? {} : { edns: { ...opt, ...edns } }),
  });
  octets[3]! |= bits;
  if (edns !== undefined) octets[octets.length - optSize({ ...opt, ...edns }) + OPT_FLAGS_AT]! |= flags;
  return octets;
}

function answerTo(octets: Uint8Array, transport: Transport): Message & { readonly z: boolean } {
  const responder = new Responder(authority, { cookies: { secrets: [new Uint8Array(16)], isRequired: false } });
  responder.from(ClientAddress.of('192.0.2.1'), 0);
  const outcome = receive(responder, octets, transport, NOW);
  if (outcome.kind !== 'reply') throw new Error(outcome.kind);
  return { ...given(decodeMessage(outcome.octets)), z: (outcome.octets[3]! & Z) !== 0 };
}

for (const probe of PROBES) {
  const { section, args, message, edns, rcode, isAnswered } = probe;
  test(`RFC 8906 ${section}: dig ${args}`, (t) => {
    const octets = octetsOf(probe);
    for (const transport of ['udp', 'tcp'] as const) {
      const reply = answerTo(octets, transport);
      t.like(reply, { id: 7, qr: true, rcode, ra: false, ad: false, z: false, tc: false });
      t.is(reply.opcode, message?.opcode ?? OPCODE.QUERY);
      t.is(reply.aa, rcode === RCODE.NOERROR);
      t.deepEqual([reply.rd, reply.cd], [message?.rd ?? false, message?.cd ?? false]);
      t.is(reply.answers.length > 0, isAnswered);
      t.is(reply.edns !== undefined, edns !== undefined);
      if (reply.edns === undefined) continue;
      t.is(reply.edns.version, 0);
      t.is(reply.edns.dnssecOk, edns?.dnssecOk ?? false);
      t.false(
        reply.edns.options.some(({ code }) => code === 100 || code === 8),
        'what is unknown is not echoed',
      );
    }
  });
}

test('RFC 8906 8.2.7: dig +bufsize=512 +dnssec dnskey is cut with OPT, and whole over TCP', (t) => {
  const octets = octetsOf({ section: '', args: '', type: 'DNSKEY', edns: { udpSize: 512, dnssecOk: true }, ...good });
  const cut = answerTo(octets, 'udp');
  t.like(cut, { tc: true, rcode: RCODE.NOERROR, answers: [], edns: { version: 0, dnssecOk: true } });
  t.like(answerTo(octets, 'tcp'), { tc: false, answers: { length: 2 } });
});
