/** Limits of a key: from the TXT record beside it in its key file to what an UPDATE may do. */
import { type Key, KeyTable, parseKey } from '@zonewright/common/authority/key';
import { readKeyFile } from '@zonewright/common/authority/key-file';
import { hasExpired, withLimits } from '@zonewright/common/authority/key-limits';
import { receive } from '@zonewright/common/authority/receive';
import { Responder } from '@zonewright/common/authority/responder';
import { runUpdate } from '@zonewright/common/authority/run-update';
import type { Transport } from '@zonewright/common/authority/transport';
import { readUpdate } from '@zonewright/common/authority/update';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode } from '@zonewright/common/wire/code';
import { BARE_EDNS, extendedErrorText } from '@zonewright/common/wire/edns';
import { decodeMessage, emptyMessage, encodeMessage, type Message } from '@zonewright/common/wire/message';
import { sign } from '@zonewright/common/wire/tsig';
import test from 'ava';
import { authorityOf, NOW } from '../support/answering.ts';
import { given, nameOf, zoneOf } from '../support/records.ts';
import { updateRecordOf } from '../support/update-text.ts';

const origin = nameOf('example.');
const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
const keyNamed = (name: string) => given(parseKey(`${name}:SHA256:${SECRET}`));
const BASE = zoneOf(`
  @ 60 NS ns
  @ 60 NS ns2
  ns 60 A 192.0.2.1
  ns2 60 A 192.0.2.2
  www 60 A 192.0.2.3
  www 60 TXT "t"
  b.a 60 A 192.0.2.5
`);

/** A key with limits, as a key file has them. */
const limited = (text: string, name = 'k._update.example'): Key => given(withLimits(keyNamed(name), txt(text)));
const txt = (...strings: readonly string[]): Uint8Array =>
  Buffer.concat(strings.map((text) => Buffer.from([text.length, ...Buffer.from(text, 'latin1')])));
/** What an update by a key comes to. */
const by = (key: Key, text: string): string => {
  const zones = new ZoneTable();
  zones.set(BASE);
  const questions = [{ name: origin, type: TYPE.SOA, class: CLASS.IN }];
  const authorities = text.split('\n').map((line) => updateRecordOf(line, origin));
  const read = readUpdate({ ...emptyMessage(1, OPCODE.UPDATE), questions, authorities }, key, zones);
  if (!read.ok) return `${printRcode(read.fault.rcode)} ${read.fault.what}`;
  const ran = runUpdate(read.value, BASE);
  return ran.ok ? 'NOERROR' : `${printRcode(ran.fault.rcode)} ${ran.fault.what}`;
};

test('a key with limits changes only its types and names', (t) => {
  const types = limited('types=A,aaaa,TYPE65280');
  t.is(by(types, 'add x 60 A 192.0.2.9\nadd x 60 AAAA 2001:db8::1\nadd x 60 TYPE65280 \\# 1 00'), 'NOERROR');
  t.is(by(types, 'add x 60 TXT t'), 'REFUSED key k._update.example. may not change TXT records');
  t.is(by(types, 'delete www TXT'), 'REFUSED key k._update.example. may not change TXT records');
  t.is(by(types, 'delete www TXT t'), 'REFUSED key k._update.example. may not change TXT records');
  t.is(by(types, 'delete ns2'), 'REFUSED example.: name server ns2.example. has no address in this zone');
  t.is(by(types, 'delete b.a\nadd b.a 60 A 192.0.2.9'), 'NOERROR', 'all of a name that has only what is allowed');
  t.regex(by(types, 'delete www'), /^REFUSED key k\._update\.example\. may not change TXT records, and www/);
  t.is(by(types, 'delete nothing'), 'NOERROR');
  t.is(by(types, 'add b.a 60 A 192.0.2.9\ndelete @'), 'NOERROR', 'SOA and NS of the apex stay in any case');
  t.regex(by(types, 'delete @ NS'), /^REFUSED .* may not change NS records/);

  const names = limited('names=*.a,x,WWW,exact.example.');
  for (const name of ['b.a', 'c.b.a', '*.a', 'x', 'X', 'www', 'exact'])
    t.is(by(names, `add ${name} 60 TXT t`), 'NOERROR', name);
  for (const name of ['a', 'ba', 'y.x', 'ns', '@', 'xwww', 'a.exact', '*'])
    t.regex(by(names, `add ${name} 60 TXT t`), /^REFUSED key k\._update\.example\. may not change /, name);
  t.is(by(limited('names=*'), 'add a.b.c 60 TXT t'), 'NOERROR');
  t.regex(by(limited('names=*'), 'add @ 60 TXT t'), /^REFUSED/);
  t.is(by(limited('names=@'), 'add @ 60 TXT t'), 'NOERROR');
  t.is(by(limited('names=@', 'k._update.www.example'), 'add www 60 TXT t'), 'NOERROR', 'relative to the key');
  t.is(by(limited('names=*.example.', 'k._update'), 'add www 60 TXT t'), 'NOERROR', 'of the root');
  t.regex(by(limited('types=TXT names=x'), 'add x 60 A 192.0.2.9'), /^REFUSED/);
  t.regex(by(limited('types=TXT names=x'), 'add y 60 TXT t'), /^REFUSED/);
});

test('limits that are malformed make no key, and are not repeated', (t) => {
  const of = (name: string, ...strings: readonly string[]): string | undefined => {
    const key = withLimits(keyNamed(name), txt(...strings));
    return key.ok ? undefined : key.fault.what;
  };
  const secret = 'c2VjcmV0c2VjcmV0';
  for (const text of [
    '',
    ' ',
    secret,
    `${secret}==`,
    'types',
    'types=',
    'types=A,',
    'types=NOSUCH',
    'types=ANY',
    'types=A types=MX',
    'Types=A',
    'types= A',
    'names=',
    'names=a..b',
    'names=www.other.',
    'names=example',
    'names=*.dyn.example',
    'names=*.',
    'names=a,,b',
    'expires=tomorrow',
    'expires=2027-02-30',
    'expires=2027-13-01',
    'expires=2027-1-1',
    'expires=2027-01-01T00:00',
    'expires=2027-01-01T25:00:00Z',
    'expires=2027-01-01 00:00:00Z',
    'expires=',
    'mac=half',
    'transport=tcp',
    'transport=constructor',
    'transport=',
    'constructor=1',
    '__proto__=1',
    'types=A, AAAA',
  ]) {
    const what = of('k._update.example', text);
    if (what === undefined) t.fail(text);
    else t.false(what.includes(secret) || what.includes('NOSUCH') || what.includes('tomorrow'), what);
  }
  t.regex(of('k._transfer.example', 'types=A') ?? '', /only an _update key/);
  t.regex(of('k._transfer.example', 'names=www') ?? '', /only an _update key/);
  t.is(of('k._transfer.example', 'expires=2027-01-01 mac=full transport=tls'), undefined);
  t.is(of('k._update.example', 'transport=mtls'), undefined);
  t.regex(of('k._notify.example', 'transport=tls') ?? '', /a _notify key neither transfers nor updates/);
  t.is(of('k._update.example', 'types=A', 'names=www'), undefined, 'words may be strings of their own');
  t.is(of('k._update.example', '  types=A\t\tmac=full  '), undefined);
});

test('a key expires at the beginning of its day, or at its second', (t) => {
  const at = (text: string): unknown => limited(`expires=${text}`).limits?.expires;
  t.is(at('2027-01-01'), 1_798_761_600);
  t.is(at('2027-01-01T00:00:00Z'), 1_798_761_600);
  t.is(at('2027-01-01t02:00:00.5+02:00'), 1_798_761_600);
  t.is(at('2026-12-31T23:30:00-00:30'), 1_798_761_600);
  t.is(at('2028-02-29'), 1_835_395_200);
  const key = limited('expires=2027-01-01');
  t.deepEqual(
    [-1, 0, 1].map((seconds) => hasExpired(key, 1_798_761_600 + seconds)),
    [false, true, true],
  );
  t.false(hasExpired(keyNamed('k._update.example'), 2 ** 47));
});

test('transfers and updates of a key that demands TLS come over nothing less, and all else may', (t) => {
  const zones = new ZoneTable();
  zones.set(BASE);
  const by = (limits: string, isTransferOpen = false) => {
    const keys = ['transfer', 'update'].map((operation) => limited(limits, `k._${operation}.example`));
    const authority = { ...authorityOf(BASE), zones, keys: new KeyTable(keys), isTransferOpen };
    const responder = new Responder(authority);
    return (message: Partial<Message>, transport: Transport): string => {
      const isUpdate = message.opcode === OPCODE.UPDATE;
      const plain = encodeMessage({ ...emptyMessage(1, OPCODE.QUERY), edns: BARE_EDNS, ...message });
      const outcome = receive(responder, sign(plain, keys[isUpdate ? 1 : 0]!, { now: NOW }).octets, transport, NOW);
      if (outcome.kind !== 'reply') return outcome.kind;
      const { rcode, edns } = given(decodeMessage(outcome.octets));
      const rejection = outcome.rejection === undefined ? '' : ` ${outcome.rejection.reason}`;
      return [printRcode(rcode), extendedErrorText(edns) ?? ''].join(' ').trimEnd() + rejection;
    };
  };
  const ask = (type: number): Partial<Message> => ({ questions: [{ name: origin, type, class: CLASS.IN }] });
  const soa = BASE.soaRecord();
  const update: Partial<Message> = {
    ...ask(TYPE.SOA),
    opcode: OPCODE.UPDATE,
    authorities: [updateRecordOf('add x 60 A 192.0.2.9', origin)],
  };
  const ixfr: Partial<Message> = { ...ask(TYPE.IXFR), authorities: [soa] };
  const withTls = by('transport=tls');
  const refused = (what: string, need: string): string => `REFUSED ${what} need ${need} denied`;
  for (const transport of ['udp', 'tcp'] as const) {
    t.is(withTls(update, transport), refused('updates of this key', 'TLS'));
    t.is(withTls(ixfr, transport), refused('transfers with this key', 'TLS'), 'not even that it is current');
    t.is(withTls(ask(TYPE.SOA), transport), 'NOERROR', 'what everybody may ask');
  }
  t.is(withTls(ask(TYPE.AXFR), 'tcp'), refused('transfers with this key', 'TLS'));
  for (const transport of ['tls', 'mtls'] as const) {
    t.is(withTls(update, transport), 'update');
    t.is(withTls(ask(TYPE.AXFR), transport), 'transfer');
    t.is(withTls(ixfr, transport), 'transfer');
  }
  const withCertificate = by('transport=mtls');
  t.is(withCertificate(update, 'tls'), refused('updates of this key', 'TLS with a client certificate'));
  t.is(withCertificate(ask(TYPE.AXFR), 'tls'), refused('transfers with this key', 'TLS with a client certificate'));
  t.is(withCertificate(update, 'mtls'), 'update');
  t.is(withCertificate(ask(TYPE.AXFR), 'mtls'), 'transfer');
  t.is(by('transport=tls', true)(ask(TYPE.AXFR), 'tcp'), 'transfer', 'a zone that anybody may have needs no cover');
});

test('the limits of a key stand beside it in its file, and a key whose limits cannot be read is none', (t) => {
  const line = (name: string): string => `${name} DNSKEY 0 3 163 ${SECRET}`;
  const read = (text: string): { limits: Record<string, string>; errors: string[] } => {
    const { keys, findings } = readKeyFile(Buffer.from(text), origin);
    const errors = findings.filter(({ severity }) => severity === 'error');
    for (const { what, hint } of findings) t.false(`${what}${hint}`.includes(SECRET.slice(0, 12)), what);
    return {
      limits: Object.fromEntries(keys.map((key) => [key.name.relativeTo(origin), key.limits?.text ?? ''])),
      errors: errors.map((finding) => `${finding.line} ${finding.rule}`),
    };
  };
  const [a, b] = [line('a._update'), line('b._update')];
  t.deepEqual(read(`${a}\na._update TXT "types=A"\n${b}`), {
    limits: { 'a._update': 'types=A', 'b._update': '' },
    errors: [],
  });
  t.deepEqual(read(`${a}\n  TXT types=A names=*.dyn`), { limits: { 'a._update': 'types=A names=*.dyn' }, errors: [] });
  t.deepEqual(read(`A._Update TXT mac=full\n${a}`), { limits: { 'a._update': 'mac=full' }, errors: [] });
  t.deepEqual(read(`${a}\n  TXT typos=A\n${b}`), { limits: { 'b._update': '' }, errors: ['2 key-limits'] });
  t.deepEqual(read(`${a}\n  TXT types=A\n  TXT names=x\n${b}`), {
    limits: { 'b._update': '' },
    errors: ['3 key-limits'],
  });
  for (const broken of [
    '  TXT "types=A',
    '  TXT ( types=A',
    '  TXTT types=A',
    'a._update TXT',
    '  5z TXT types=A',
    '  TXT \\# 3 0a',
  ])
    t.deepEqual(read(`${a}\n${broken}\n${b}`).limits, { 'b._update': '' }, broken);
  t.deepEqual(read(`${a}\nc._update TXT types=A`), { limits: { 'a._update': '' }, errors: ['2 key-limits'] });
  t.deepEqual(read(`${a}\n  TXT ${SECRET}`).limits, {});
  t.deepEqual(read(`${a}\n  TXT types=${SECRET}`).limits, {});
});
