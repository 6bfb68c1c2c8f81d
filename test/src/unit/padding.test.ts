/** Padding of replies that nobody on the way may read (RFC 7830, RFC 8467), and of nothing else. */
import { KeyTable, parseKey } from '@zonewright/common/authority/key';
import { PADDING_BLOCK, paddingFor } from '@zonewright/common/authority/padding';
import { receive } from '@zonewright/common/authority/receive';
import { Responder } from '@zonewright/common/authority/responder';
import { TRANSPORTS, type Transport } from '@zonewright/common/authority/transport';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE } from '@zonewright/common/wire/code';
import { BARE_EDNS, OPTION } from '@zonewright/common/wire/edns';
import { decodeMessage, emptyMessage, encodeMessage } from '@zonewright/common/wire/message';
import { sign } from '@zonewright/common/wire/tsig';
import test from 'ava';
import fc from 'fast-check';
import { authorityOf, NOW, queryOf } from '../support/answering.ts';
import { given, nameOf, zoneOf } from '../support/records.ts';

const bulk = Array.from({ length: 900 }, (_, i) => `host${i} 60 TXT "${'x'.repeat(40)}"`).join('\n');
const ZONE = zoneOf(`@ 60 NS ns\nns 60 A 192.0.2.1\nwww 60 TXT "${'x'.repeat(200)}"\n${bulk}`);
const KEY = given(parseKey(`k._transfer.example:SHA256:${Buffer.from('a secret').toString('base64')}`));
const authority = { ...authorityOf(ZONE), keys: new KeyTable([KEY]) };
const padding = { code: OPTION.PADDING, data: new Uint8Array(0) };
const SECURE: readonly Transport[] = ['tls', 'mtls'];

const replyTo = (octets: Uint8Array, transport: Transport): readonly Uint8Array[] => {
  const outcome = receive(new Responder(authority), octets, transport, NOW);
  if (outcome.kind === 'reply') return [outcome.octets];
  if (outcome.kind !== 'transfer') throw new Error(outcome.kind);
  return [...(outcome.signer?.signAll(outcome.messages, () => NOW) ?? outcome.messages)];
};
const isPadded = (octets: Uint8Array): boolean =>
  given(decodeMessage(octets)).edns?.options.some(({ code }) => code === OPTION.PADDING) ?? false;

test('a reply over TLS to a padded request fills blocks of 468 octets, signed or not', (t) => {
  for (const question of ['www.example TXT', 'host1.example TXT', 'nothing.example A', 'example SOA', 'other. A'])
    for (const signed of [false, true])
      for (const transport of TRANSPORTS) {
        const query = queryOf(question, { size: 1232, options: [padding] });
        const octets = signed ? sign(query, KEY, { now: NOW }).octets : query;
        const [reply] = replyTo(octets, transport);
        const isSecure = SECURE.includes(transport);
        t.is(isPadded(reply!), isSecure, `${question} ${transport}`);
        if (isSecure) t.is(reply!.length % PADDING_BLOCK.response, 0, `${question} ${transport}`);
      }
});

test('a reply over TLS to a request that is not padded is not padded either', (t) => {
  for (const options of [{}, { size: 1232 }]) {
    const [reply] = replyTo(queryOf('www.example TXT', options), 'tls');
    t.false(isPadded(reply!));
  }
});

test('each message of a transfer over TLS is padded, with its signature', (t) => {
  const request = encodeMessage({
    ...emptyMessage(1, OPCODE.QUERY),
    questions: [{ name: nameOf('example.'), type: TYPE.AXFR, class: CLASS.IN }],
    edns: { ...BARE_EDNS, options: [padding] },
  });
  const signed = sign(request, KEY, { now: NOW }).octets;
  const messages = replyTo(signed, 'tls');
  t.true(messages.length > 2);
  for (const message of messages) {
    t.true(isPadded(message));
    t.is(message.length % PADDING_BLOCK.response, 0);
  }
  t.false(replyTo(signed, 'tcp').some(isPadded));
});

test('what refuses a request over TLS is padded as well', (t) => {
  const [reply] = replyTo(queryOf('example AXFR', { size: 1232, options: [padding] }), 'tls');
  t.is(reply!.length % PADDING_BLOCK.response, 0);
});

test('padding fills a block, or what there is room for, and is left out where there is none', (t) => {
  fc.assert(
    fc.property(fc.nat(70_000), fc.constantFrom(128, 468), (length, block) => {
      const octets = paddingFor(length, block, 65_535);
      if (octets === undefined) return length + 4 > 65_535;
      const whole = length + 4 + octets;
      return octets >= 0 && octets < block && (whole % block === 0 || whole === 65_535);
    }),
  );
  t.pass();
});
