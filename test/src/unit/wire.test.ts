/** Messages: what is read, what is refused, what is written, and that another decoder reads the same. */
import { Name } from '@zonewright/common/name';
import { Writer } from '@zonewright/common/octets';
import { CLASS } from '@zonewright/common/rr/class';
import { printRecord, type ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE, printRcode, RCODE } from '@zonewright/common/wire/code';
import { EDE, type Edns, extendedError, extendedErrorText, optSize } from '@zonewright/common/wire/edns';
import { decodeMessage, emptyMessage, encodeMessage, type Message, responseTo } from '@zonewright/common/wire/message';
import test, { type ExecutionContext } from 'ava';
import packet from 'dns-packet';
import { given, hexOf, nameOf, octetsOf, recordOf, recordsFrom } from '../support/records.ts';

/** A header of opcode `flags` with section counts. */
const header = (flags: number, ...counts: number[]): string =>
  [0x1234, flags, ...[0, 1, 2, 3].map((i) => counts[i] ?? 0)]
    .map((value) => value.toString(16).padStart(4, '0'))
    .join('');
const QUESTION = '076578616d706c6500 0001 0001';
const opt = (size = 1232, ttl = '00000000', options = ''): string =>
  `00 0029 ${size.toString(16).padStart(4, '0')} ${ttl} ${octetsOf(options).length.toString(16).padStart(4, '0')} ${options}`;
const ALGORITHM = '0b686d61632d73686132353600';
const tsigRdata = (mac = '00'.repeat(32), other = ''): string =>
  `${ALGORITHM} 000065a0b0c0 012c ${octetsOf(mac).length.toString(16).padStart(4, '0')} ${mac} 1234 0000 ${octetsOf(other).length.toString(16).padStart(4, '0')} ${other}`;
const tsig = (rdata = tsigRdata(), fixed = '00ff 00000000', owner = '036b657900'): string =>
  `${owner} 00fa ${fixed} ${octetsOf(rdata).length.toString(16).padStart(4, '0')} ${rdata}`;

const decode = (...parts: string[]): Message => given(decodeMessage(octetsOf(parts.join(''))));
const refuses = (t: ExecutionContext, what: RegExp, ...parts: string[]): void => {
  const decoded = decodeMessage(octetsOf(parts.join('')));
  t.regex(decoded.ok ? 'decoded' : decoded.fault.what, what, parts.join(' '));
  if (!decoded.ok && octetsOf(parts.join('')).length >= 12) t.is(decoded.fault.request?.id, 0x1234);
};

test('less than a header is refused without a header to answer to', (t) => {
  for (let length = 0; length < 12; length++) {
    const decoded = decodeMessage(new Uint8Array(length));
    t.false(decoded.ok);
    if (!decoded.ok) t.is(decoded.fault.request, undefined);
  }
});

test('all header bits, opcodes and response codes are read and written', (t) => {
  for (let flags = 0; flags < 0x10000; flags += 1) {
    const octets = octetsOf(header(flags));
    const decoded = decodeMessage(octets);
    if (!decoded.ok) return t.fail();
    const again = encodeMessage(decoded.value);
    // Bit 6 is reserved: it is read over and not repeated.
    if (((again[2]! << 8) | again[3]!) !== (flags & ~0x40)) return t.fail(flags.toString(16));
  }
  t.like(decode(header(0x8583)), {
    qr: true,
    opcode: 0,
    aa: true,
    tc: false,
    rd: true,
    ra: true,
    ad: false,
    cd: false,
    rcode: 3,
  });
  t.like(decode(header(0x2a30)), { qr: false, opcode: 5, tc: true, ad: true, cd: true, rcode: 0 });
});

test('questions are read: none, two, counts larger than the data, every type and class', (t) => {
  t.is(decode(header(0)).questions.length, 0);
  t.is(decode(header(0, 2), QUESTION, QUESTION).questions.length, 2);
  refuses(t, /cut short/, header(0, 2), QUESTION);
  refuses(t, /more than 16 records/, header(0, 65535), QUESTION);
  refuses(t, /more than 16 records/, header(0, 1, 65535, 65535, 65535), QUESTION);
  // Replies and updates have as many as there is room for.
  refuses(t, /cut short/, header(0x8000, 1, 65535, 65535, 65535), QUESTION);
  refuses(t, /cut short/, header(0x2800, 1, 65535), QUESTION);
  for (let type = 0; type < 0x10000; type++) {
    const octets = octetsOf(`${header(0, 1)} 00 ${type.toString(16).padStart(4, '0')} 0001`);
    const decoded = decodeMessage(octets);
    if (!decoded.ok || decoded.value.questions[0]?.type !== type || !decoded.value.questions[0].name.isRoot)
      return t.fail(String(type));
    if (hexOf(encodeMessage(decoded.value)) !== hexOf(octets)) return t.fail(String(type));
  }
  for (const rrClass of [0, 1, 3, 4, 254, 255, 65535]) {
    t.is(decode(header(0, 1), '00 0001', rrClass.toString(16).padStart(4, '0')).questions[0]?.class, rrClass);
  }
});

test('octets after the last record are refused', (t) => {
  refuses(t, /after the last record/, header(0), '00');
  refuses(t, /after the last record/, header(0, 1), QUESTION, '00');
  refuses(t, /after the last record/, header(0, 1), QUESTION, opt());
});

test('bad names in questions are refused', (t) => {
  for (const length of ['40', '41', '7f', '80', '81', 'bf'])
    refuses(t, /label type/, header(0, 1), length, '00'.repeat(200));
  refuses(t, /255/, header(0, 1), '0161'.repeat(127), '0161 00 0001 0001');
  refuses(
    t,
    /255/,
    header(0, 1),
    '3f',
    '61'.repeat(63),
    '3f',
    '61'.repeat(63),
    '3f',
    '61'.repeat(63),
    '3e',
    '61'.repeat(62),
    '00 0001 0001',
  );
  t.is(decode(header(0, 1), '0161'.repeat(127), '00 0001 0001').questions[0]?.name.labelCount, 127);
  refuses(t, /point back/, header(0, 1), 'c00c 0001 0001');
  refuses(t, /point back/, header(0, 1), 'c00e 00 0001 0001');
  refuses(t, /point back/, header(0, 2), 'c012 0001 0001 c00c 0001 0001');
  refuses(t, /point back/, header(0, 2), '0161 c014 0001 0001 0161 c00c 0001 0001');
  t.is(hexOf(decode(header(0, 1), '04 00 2e 5c ff 00 0001 0001').questions[0]!.name.wire), '04002e5cff00');
});

test('a pointer into the header is read as the octets that stand there, or refused, and no more', (t) => {
  for (let at = 0; at < 12; at++) {
    const decoded = decodeMessage(octetsOf(`${header(0, 1)} c0${at.toString(16).padStart(2, '0')} 0001 0001`));
    if (decoded.ok) t.true(decoded.value.questions[0]!.name.wire.length <= 255);
    else t.is(decoded.fault.kind, 'format');
  }
});

/** A record of an unknown type that holds a chain of `links`, each a prefix and a pointer to the one before, then names at its end. */
function chainMessage(links: number, prefix: string): Uint8Array {
  const out = new Writer();
  const record = (type: number): void => {
    out.u16(type);
    out.u16(CLASS.IN);
    out.u32(0);
    out.u16(0);
  };
  out.bytes(octetsOf(header(0x8000)));
  out.u8(0);
  record(65280);
  const start = out.length;
  out.u8(0);
  let target = start;
  for (let i = 0; i < links; i++) {
    const at = out.length;
    out.bytes(octetsOf(prefix));
    out.u16(0xc000 | target);
    target = at;
  }
  out.patch16(start - 2, out.length - start);
  let count = 1;
  for (; out.length + 12 < 65535; count++) {
    out.u16(0xc000 | target);
    record(65281);
  }
  out.patch16(8, count);
  return out.finish();
}

test('a message of names at the ends of long chains costs no more than its size', (t) => {
  const started = process.hrtime.bigint();
  t.false(decodeMessage(chainMessage(8000, '')).ok);
  t.false(decodeMessage(chainMessage(128, '')).ok);
  // All of its names together have more than a million octets.
  t.false(decodeMessage(chainMessage(126, '0161')).ok);
  const decoded = given(decodeMessage(chainMessage(60, '0161')));
  t.is(decoded.authorities.at(-1)?.name.labelCount, 60);
  const milliseconds = Number(process.hrtime.bigint() - started) / 1e6;
  t.true(milliseconds < 1000, `${milliseconds} ms`);
});

test('records cut anywhere are refused', (t) => {
  const message = responseTo(decode(header(0x0100, 1), QUESTION), RCODE.NOERROR);
  const octets = encodeMessage({
    ...message,
    answers: recordsFrom('example. 60 MX 10 mail.example.\nexample. 60 TXT "a" "b"\nexample. 60 A 192.0.2.1'),
    authorities: recordsFrom('example. 60 SOA ns.example. host.example. 1 2 3 4 5'),
    edns: { udpSize: 1232, version: 0, dnssecOk: true, options: [{ code: 10, data: new Uint8Array(8) }] },
  });
  t.true(decodeMessage(octets).ok);
  for (let end = 0; end < octets.length; end++) t.false(decodeMessage(octets.subarray(0, end)).ok, String(end));
});

test('RDATA of the wrong length is refused', (t) => {
  const a = (length: string, rdata: string): string => `00 0001 0001 00000000 ${length} ${rdata}`;
  t.is(decode(header(0x8000, 0, 1), a('0004', '01020304')).answers.length, 1);
  refuses(t, /no valid A/, header(0x8000, 0, 1), a('0002', '0102'));
  refuses(t, /no valid A/, header(0x8000, 0, 1), a('0005', '0102030405'));
  refuses(t, /cut short/, header(0x8000, 0, 1), a('0005', '01020304'));
  refuses(t, /no valid A/, header(0x8000, 0, 1), a('0000', ''));
  refuses(t, /cut short/, header(0x8000, 0, 1), '00 0002 0001 00000000 0000');
});

test('compressed names in SVCB and TSIG data are refused', (t) => {
  refuses(t, /where none may be/, header(0x8000, 1, 1), QUESTION, 'c00c 0040 0001 00000000 0004 0001 c00c');
  refuses(t, /where none may be/, header(0, 1, 0, 0, 1), QUESTION, tsig(tsigRdata().replace(ALGORITHM, 'c00c')));
  t.is(decode(header(0x8000, 1, 1), QUESTION, 'c00c 0021 0001 00000000 0008 000000000000 c00c').answers.length, 1);
});

test('an UPDATE may delete and ask without data, and is written as it was read', (t) => {
  const bare = (type: number, rrClass: string): string =>
    `c00c ${type.toString(16).padStart(4, '0')} ${rrClass} 00000000 0000`;
  const types = [TYPE.A, TYPE.NS, TYPE.MX, TYPE.SOA, TYPE.CNAME, TYPE.SVCB, TYPE.ANY, 65280];
  const parts = [header(0x2800, 1, types.length, types.length), '076578616d706c6500 0006 0001'];
  for (const type of types) parts.push(bare(type, '00fe'));
  for (const type of types) parts.push(bare(type, '00ff'));
  const message = decode(...parts);
  t.is(message.opcode, OPCODE.UPDATE);
  t.true([...message.answers, ...message.authorities].every((record) => record.rdata.length === 0));
  t.is(hexOf(encodeMessage(message)), hexOf(octetsOf(parts.join(''))));
  refuses(t, /no valid A/, header(0x2800, 1, 1), QUESTION, 'c00c 0001 0001 00000000 0000');
  refuses(t, /no valid A/, header(0x2800, 1, 1), QUESTION, 'c00c 0001 00fe 00000000 0001 00');
});

test('one OPT record at most, of the root, in the additional section', (t) => {
  t.like(decode(header(0, 1, 0, 0, 1), QUESTION, opt()).edns, {
    udpSize: 1232,
    version: 0,
    dnssecOk: false,
    options: [],
  });
  t.is(decode(header(0, 1, 0, 0, 1), QUESTION, opt()).additionals.length, 0);
  refuses(t, /two OPT/, header(0, 1, 0, 0, 2), QUESTION, opt(), opt());
  refuses(t, /not the root/, header(0, 1, 0, 0, 1), QUESTION, `c00c ${opt().slice(2)}`);
  refuses(t, /outside/, header(0, 1, 1), QUESTION, opt());
  refuses(t, /outside/, header(0, 1, 0, 1), QUESTION, opt());
});

test('EDNS carries size, version, DO, the upper bits of the RCODE, and options', (t) => {
  const edns = (...rest: Parameters<typeof opt>): Message => decode(header(0x8001, 1, 0, 0, 1), QUESTION, opt(...rest));
  for (const [size, taken] of [
    [0, 512],
    [511, 512],
    [512, 512],
    [65535, 65535],
  ] as const) {
    t.is(edns(size).edns?.udpSize, taken);
  }
  t.is(edns(512, '00010000').edns?.version, 1);
  t.is(edns(512, '00008000').edns?.dnssecOk, true);
  t.is(edns(512, '00007fff').edns?.dnssecOk, false);
  t.is(edns(512, 'ff000000').rcode, 0xff1);
  t.is(edns(512, '01000000').edns?.version, 0);
  for (const length of [0, 7, 8, 9, 40, 41]) {
    const option = `fde9 ${length.toString(16).padStart(4, '0')} ${'ab'.repeat(length)}`;
    t.is(edns(512, '00000000', option).edns?.options[0]?.data.length, length);
  }
  for (const bad of ['00', '000a', '000a00', '000a0001', '000affff00', '000a0000 00']) {
    refuses(t, /option cut short/, header(0, 1, 0, 0, 1), QUESTION, opt(512, '00000000', bad));
    t.is(edns(512, '00010000', bad).edns?.version, 1, 'nobody knows what is wrong in another version');
  }
});

test('a TSIG record stands last, once, with class ANY and TTL 0, and its data is whole', (t) => {
  const with1 = header(0, 1, 0, 0, 1);
  const with2 = header(0, 1, 0, 0, 2);
  const message = decode(with2, QUESTION, opt(), tsig());
  t.like(message.tsig, { timeSigned: 0x65a0b0c0, fudge: 300, originalId: 0x1234, error: 0, start: 12 + 13 + 11 });
  t.is(String(message.tsig?.keyName), 'key.');
  t.is(message.additionals.length, 0);
  refuses(t, /after TSIG/, with2, QUESTION, tsig(), opt());
  refuses(t, /after TSIG/, with2, QUESTION, tsig(), tsig());
  refuses(t, /outside/, header(0, 1, 0, 1), QUESTION, tsig());
  refuses(t, /class is not ANY/, with1, QUESTION, tsig(tsigRdata(), '0001 00000000'));
  refuses(t, /TTL is not 0/, with1, QUESTION, tsig(tsigRdata(), '00ff 00000001'));
  refuses(t, /cut short/, with1, QUESTION, tsig(tsigRdata().replace(/1234 0000 0000 $/, '1234 0000 ffff')));
  refuses(t, /left over/, with1, QUESTION, tsig(`${tsigRdata()}00`));
  refuses(t, /cut short/, with1, QUESTION, tsig(''));
  const all = octetsOf(tsigRdata());
  for (let end = 0; end < all.length; end++) refuses(t, /TSIG/, with1, QUESTION, tsig(hexOf(all.subarray(0, end))));
  t.is(decode(with1, QUESTION, tsig(tsigRdata('', '00'.repeat(6)))).tsig?.other.length, 6);
  t.is(
    decode(with1, QUESTION, tsig(tsigRdata().replace('65a0b0c0', 'ffffffff').replace('0000ffffffff', 'ffffffffffff')))
      .tsig?.timeSigned,
    2 ** 48 - 1,
  );
});

test('what is decoded does not change with the buffer that it came in', (t) => {
  const octets = Buffer.from(
    octetsOf(
      `${header(0x8000, 1, 2, 0, 2)} ${QUESTION} c00c 0010 0001 00000000 0002 0161 c00c 0005 0001 00000000 0002 c00c ${opt(512, '00000000', 'fde90001ab')} ${tsig()}`,
    ),
  );
  const print = (message: Message): string =>
    JSON.stringify([
      message.questions.map(({ name }) => String(name)),
      message.answers.map((record) => printRecord(record)),
      hexOf(message.edns!.options[0]!.data),
      hexOf(message.tsig!.mac),
      String(message.tsig!.keyName),
    ]);
  const decoded = decodeMessage(octets);
  if (!decoded.ok) return t.fail(decoded.fault.what);
  const before = print(decoded.value);
  octets.fill(0xee);
  t.is(print(decoded.value), before);
});

const edns: Edns = { udpSize: 1232, version: 0, dnssecOk: false, options: [] };
const answers = (count: number): ResourceRecord[] =>
  recordsFrom(Array.from({ length: count }, (_, i) => `www.example. 60 A 192.0.2.${i}`).join('\n'));
const reply: Message = responseTo(decode(header(0x0110, 1), QUESTION), RCODE.NOERROR);

test('a reply repeats ID, opcode, question, RD and CD, and nothing else', (t) => {
  t.like(responseTo(decode(header(0x2fff & ~0x8000, 1), QUESTION), RCODE.REFUSED), {
    id: 0x1234,
    qr: true,
    opcode: 5,
    aa: false,
    tc: false,
    rd: true,
    ra: false,
    ad: false,
    cd: true,
    rcode: 5,
  });
  t.is(reply.questions[0]?.type, 1);
});

test('a message that fits is written whole, one octet less is truncated with TC and no records', (t) => {
  for (const withEdns of [{}, { edns }]) {
    const message: Message = {
      ...reply,
      answers: answers(40),
      authorities: recordsFrom('example. 60 NS ns.example.'),
      ...withEdns,
    };
    const whole = encodeMessage(message);
    t.deepEqual(encodeMessage(message, whole.length), whole);
    t.is(given(decodeMessage(whole)).answers.length, 40);
    for (let limit = 64; limit < whole.length; limit++) {
      const cut = encodeMessage(message, limit);
      t.true(cut.length <= limit);
      const decoded = given(decodeMessage(cut));
      t.like(decoded, { tc: true, id: 0x1234, qr: true, rd: true, cd: true });
      t.deepEqual(
        [decoded.questions.length, decoded.answers.length, decoded.authorities.length, decoded.additionals.length],
        [1, 0, 0, 0],
      );
      t.is(decoded.edns !== undefined, 'edns' in withEdns);
    }
  }
});

test('additional records that do not fit are left out one by one without TC, and OPT is kept', (t) => {
  const message: Message = {
    ...reply,
    answers: recordsFrom('example. 60 MX 1 a.example.'),
    additionals: recordsFrom(
      `a.example. 60 TXT "${'x'.repeat(200)}"\na.example. 60 A 192.0.2.1\na.example. 60 AAAA ::1`,
    ),
    edns,
  };
  const whole = encodeMessage(message);
  t.is(given(decodeMessage(whole)).additionals.length, 3);
  const small = encodeMessage(message, whole.length - 1);
  const decoded = given(decodeMessage(small));
  t.false(decoded.tc);
  t.deepEqual(
    decoded.additionals.map(({ type }) => type),
    [TYPE.TXT, TYPE.A],
  );
  const smaller = given(decodeMessage(encodeMessage(message, 120)));
  t.deepEqual(
    smaller.additionals.map(({ type }) => type),
    [TYPE.A, TYPE.AAAA],
    'the first is too large, the others are not',
  );
  t.truthy(smaller.edns);
  t.is(smaller.answers.length, 1);
});

test('whatever the limit is, OPT stands and the message can be read', (t) => {
  const text = extendedError(EDE.OTHER, 'x'.repeat(1000));
  for (const options of [[], [text]]) {
    const message: Message = {
      ...reply,
      questions: Array(100).fill(reply.questions[0]),
      answers: answers(3),
      edns: { ...edns, options },
      rcode: RCODE.BADVERS,
    };
    for (let limit = 23; limit < 2000; limit++) {
      const octets = encodeMessage(message, limit);
      t.true(octets.length <= limit);
      const decoded = decodeMessage(octets);
      if (!decoded.ok) return t.fail(`${limit}: ${decoded.fault.what}`);
      if (decoded.value.edns === undefined || decoded.value.rcode !== RCODE.BADVERS) return t.fail(String(limit));
    }
  }
  t.is(extendedErrorText({ ...edns, options: [extendedError(EDE.OTHER, 'naïve')] }), 'naïve');
  t.is(extendedErrorText(edns), undefined);
  t.is(optSize({ ...edns, options: [text] }), 11 + 4 + 2 + 1000);
  t.deepEqual([printRcode(RCODE.NXDOMAIN), printRcode(3841)], ['NXDOMAIN', 'RCODE3841']);
});

test('a message as long as can be is written and read', (t) => {
  const rdata = new Uint8Array(65535 - 12 - 11).fill(7);
  const message: Message = {
    ...emptyMessage(1, 0),
    answers: [{ name: Name.root, type: 65280, class: CLASS.IN, ttl: 2 ** 32 - 1, rdata }],
  };
  const octets = encodeMessage(message);
  t.is(octets.length, 65535);
  t.deepEqual(given(decodeMessage(octets)).answers[0]?.rdata, rdata);
  t.is(given(decodeMessage(octets)).answers[0]?.ttl, 2 ** 32 - 1);
  const larger = encodeMessage({ ...message, answers: [{ ...message.answers[0]!, rdata: new Uint8Array(65535) }] });
  t.true(given(decodeMessage(larger)).tc);
});

test('dns-packet reads what we write', (t) => {
  const message: Message = {
    ...reply,
    aa: true,
    answers: recordsFrom(`www.example. 60 A 192.0.2.1
www.example. 60 AAAA 2001:db8::1
www.example. 60 TXT "a b" "c"
www.example. 60 MX 10 mail.example.
www.example. 60 SRV 1 2 53 ns.example.
www.example. 60 CAA 0 issue "ca.example"
www.example. 60 PTR www.example.
www.example. 60 NAPTR 1 2 "s" "x" "" n.example.
www.example. 60 TLSA 3 1 1 00ff
www.example. 60 DS 1 13 2 00ff
www.example. 60 SSHFP 1 1 1111111111111111111111111111111111111111
www.example. 60 DNAME d.example.
www.example. 60 CNAME c.example.
www.example. 60 HINFO "c" "o"
www.example. 60 RP a.example. b.example.`),
    authorities: recordsFrom('example. 60 NS ns.example.\nexample. 60 SOA ns.example. host.example. 1 2 3 4 5'),
    edns: { ...edns, dnssecOk: true },
  };
  const read = packet.decode(Buffer.from(encodeMessage(message))) as packet.DecodedPacket & { flag_aa: boolean };
  t.like(read, { id: 0x1234, type: 'response', flag_aa: true });
  t.deepEqual(
    read.questions?.map(({ name, type }) => [name, type]),
    [['example', 'A']],
  );
  const datas = read.answers?.map((answer) => ('data' in answer ? answer.data : undefined));
  t.deepEqual(datas?.slice(0, 2), ['192.0.2.1', '2001:db8::1']);
  t.deepEqual((datas?.[2] as readonly Buffer[] | undefined)?.map(String), ['a b', 'c']);
  t.like(datas?.[3], { preference: 10, exchange: 'mail.example' });
  t.like(datas?.[4], { priority: 1, weight: 2, port: 53, target: 'ns.example' });
  t.like(datas?.[5], { flags: 0, tag: 'issue', value: 'ca.example' });
  t.is(datas?.[6], 'www.example');
  t.like(datas?.[7], { order: 1, preference: 2, flags: 's', services: 'x', regexp: '', replacement: 'n.example' });
  t.like(datas?.[8], { usage: 3, selector: 1, matchingType: 1 });
  t.like(datas?.[9], { keyTag: 1, algorithm: 13, digestType: 2 });
  t.like(datas?.[10], { algorithm: 1, hash: 1, fingerprint: '11'.repeat(20) });
  t.is(datas?.[11], 'd.example');
  t.is(datas?.[12], 'c.example');
  t.like(datas?.[13], { cpu: 'c', os: 'o' });
  t.like(datas?.[14], { mbox: 'a.example', txt: 'b.example' });
  t.deepEqual(
    read.authorities?.map((answer) => answer.type),
    ['NS', 'SOA'],
  );
  t.like(read.additionals?.[0], { type: 'OPT', udpPayloadSize: 1232, flag_do: true });
});

test('we read what dns-packet writes', (t) => {
  const octets = packet.encode({
    type: 'response',
    id: 7,
    flags: packet.AUTHORITATIVE_ANSWER | packet.RECURSION_DESIRED,
    questions: [{ type: 'MX', class: 'IN', name: 'www.example' }],
    answers: [
      { type: 'A', name: 'www.example', ttl: 60, data: '192.0.2.1' },
      { type: 'TXT', name: 'www.example', ttl: 60, data: ['a b', 'c'] },
      { type: 'MX', name: 'www.example', ttl: 60, data: { preference: 10, exchange: 'mail.example' } },
      {
        type: 'SOA',
        name: 'example',
        ttl: 60,
        data: { mname: 'ns.example', rname: 'host.example', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 },
      },
      { type: 'CAA', name: 'example', ttl: 60, data: { flags: 128, tag: 'issue', value: 'ca.example' } },
    ],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: 4096,
        flags: packet.DNSSEC_OK,
        options: [{ code: 10, data: Buffer.alloc(8) }],
      } as unknown as packet.Answer,
    ],
  });
  const message = given(decodeMessage(octets));
  t.like(message, { id: 7, qr: true, aa: true, rd: true });
  t.deepEqual(
    message.answers.map((record) => printRecord(record)),
    [
      'www.example. 60 IN A 192.0.2.1',
      'www.example. 60 IN TXT "a b" "c"',
      'www.example. 60 IN MX 10 mail.example.',
      'example. 60 IN SOA ns.example. host.example. 1 2 3 4 5',
      'example. 60 IN CAA 128 issue "ca.example"',
    ],
  );
  t.like(message.edns, { udpSize: 4096, dnssecOk: true });
  t.is(message.edns?.options[0]?.code, 10);
});

test('names that dns-packet would take apart are kept whole', (t) => {
  const message: Message = { ...reply, answers: [recordOf('a\\.b\\000\\255.example. 60 CNAME \\@\\ \\032.example.')] };
  const decoded = given(decodeMessage(encodeMessage(message)));
  t.is(String(decoded.answers[0]?.name), 'a\\.b\\000\\255.example.');
  t.deepEqual(decoded.answers[0]?.name.wire, nameOf('a\\.b\\000\\255.example.').wire);
});
