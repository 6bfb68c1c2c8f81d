/**
 * Messages that no client should send, octet by octet (RFC 8906 3 and 8, RFC 6891, RFC 8945): what stands where it must not, is
 * cut short, or has values that nobody has given a meaning.
 *
 * They are put together here by hand: what encodes messages makes none that are wrong.
 */

export interface OddMessage {
  /** What is odd, as a few words. */
  readonly what: string;
  readonly octets: Uint8Array;
}

const u16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

/** A name from dotted ASCII. */
const name = (text: string): number[] =>
  [...text.split('.').filter(Boolean), ''].flatMap((label) => [label.length, ...Buffer.from(label)]);

interface Parts {
  /** The second 16 bits of the header. */
  readonly flags?: number;
  /** QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT where they are not what is there. */
  readonly counts?: readonly [number, number, number, number];
  readonly questions?: readonly (readonly number[])[];
  readonly answers?: readonly (readonly number[])[];
  readonly authorities?: readonly (readonly number[])[];
  readonly additionals?: readonly (readonly number[])[];
  readonly rest?: readonly number[];
}

const TYPE = { A: 1, SOA: 6, TXT: 16, OPT: 41, TSIG: 250, IXFR: 251, AXFR: 252 } as const;
const CLASS = { IN: 1, CH: 3, ANY: 255 } as const;
const ZONE = 'steps.test';

const question = (text: string, type: number, rrClass: number = CLASS.IN): number[] => [
  ...name(text),
  ...u16(type),
  ...u16(rrClass),
];
const record = (
  owner: readonly number[],
  type: number,
  rrClass: number,
  ttl: number,
  rdata: readonly number[],
): number[] => [...owner, ...u16(type), ...u16(rrClass), ...u32(ttl), ...u16(rdata.length), ...rdata];
const option = (code: number, data: readonly number[], length = data.length): number[] => [
  ...u16(code),
  ...u16(length),
  ...data,
];
const opt = (size: number, ttl = 0, rdata: readonly number[] = []): number[] => record([0], TYPE.OPT, size, ttl, rdata);

const HOST = question('host.steps.test', TYPE.A);
const ADDRESS = record(name('host.steps.test'), TYPE.A, CLASS.IN, 0, [192, 0, 2, 2]);
const soa = (serial: number): number[] =>
  record(name(ZONE), TYPE.SOA, CLASS.IN, 0, [0, 0, ...u32(serial), ...u32(1), ...u32(1), ...u32(1), ...u32(1)]);

/** TSIG RDATA: HMAC-SHA256, some time, a MAC of `mac` octets. */
const tsigData = (mac: number, otherLength = 0): number[] => [
  ...name('hmac-sha256'),
  ...[0, 0, 0x65, 0, 0, 0],
  ...u16(300),
  ...u16(mac),
  ...Array<number>(mac).fill(1),
  ...u16(7),
  ...u16(0),
  ...u16(otherLength),
];
const tsig = (mac = 32, rrClass: number = CLASS.ANY, ttl = 0): number[] =>
  record(name('key'), TYPE.TSIG, rrClass, ttl, tsigData(mac));

function message(parts: Parts): Uint8Array {
  const { flags = 0, questions = [HOST], answers = [], authorities = [], additionals = [], rest = [] } = parts;
  const sections = [questions, answers, authorities, additionals];
  const counts = parts.counts ?? sections.map((section) => section.length);
  return Uint8Array.from([7, 7, ...u16(flags), ...counts.flatMap(u16), ...sections.flat(2), ...rest]);
}

const odd = (what: string, parts: Parts): OddMessage => ({ what, octets: message(parts) });

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const longLabel = (length: number): number[] => [length, ...Array<number>(length).fill(0x61)];
const asQuestion = (qname: readonly number[]): number[] => [...qname, ...u16(TYPE.A), ...u16(CLASS.IN)];

/** All of them. The ID of each is 0x0707. */
export const ODD_MESSAGES: readonly OddMessage[] = [
  // RFC 8906 3.1.4: opcodes.
  ...range(0, 15).map((opcode) => odd(`opcode ${opcode}`, { flags: opcode << 11 })),
  ...range(0, 15).map((opcode) => odd(`opcode ${opcode}, header only`, { flags: opcode << 11, questions: [] })),
  odd('opcode 3 and junk', { flags: 3 << 11, questions: [], counts: [9, 9, 9, 9], rest: [0xff, 0xff] }),
  // RFC 8906 3.1.3, RFC 1035 4.1.1: bits of the header.
  odd('QR', { flags: 0x8000 }),
  odd('QR, opcode 15', { flags: 0xf800 }),
  odd('QR, header only', { flags: 0x8000, questions: [] }),
  odd('AA', { flags: 0x0400 }),
  odd('TC', { flags: 0x0200 }),
  odd('RD', { flags: 0x0100 }),
  odd('RA', { flags: 0x0080 }),
  odd('Z', { flags: 0x0040 }),
  odd('AD', { flags: 0x0020 }),
  odd('CD', { flags: 0x0010 }),
  odd('RCODE 15', { flags: 0x000f }),
  odd('all bits but QR and opcode', { flags: 0x07ff }),
  // Counts (RFC 9619: one question at most).
  odd('no question', { questions: [] }),
  odd('no question, EDNS', { questions: [], additionals: [opt(1232)] }),
  odd('no question, cookie', { questions: [], additionals: [opt(1232, 0, option(10, [1, 2, 3, 4, 5, 6, 7, 8]))] }),
  odd('two questions', { questions: [HOST, question('mx.steps.test', 15)] }),
  odd('the same question twice', { questions: [HOST, HOST] }),
  odd('65535 questions', { counts: [65535, 0, 0, 0] }),
  odd('an answer', { answers: [ADDRESS] }),
  odd('an authority', { authorities: [ADDRESS] }),
  odd('an additional record', { additionals: [ADDRESS] }),
  odd('an additional record and OPT', { additionals: [ADDRESS, opt(1232)] }),
  odd('an answer announced', { counts: [1, 1, 0, 0] }),
  odd('an additional record announced', { counts: [1, 0, 0, 1] }),
  odd('octets after the question', { rest: [1, 2, 3] }),
  odd('octets after OPT', { additionals: [opt(1232)], rest: [0] }),
  // Cut short.
  ...[0, 1, 2, 5, 11].map((length) => ({ what: `${length} octets`, octets: message({}).subarray(0, length) })),
  { what: 'a header of zeros', octets: new Uint8Array(12) },
  ...[13, 18, 28, 29, 31].map((length) => ({
    what: `a question cut at ${length}`,
    octets: message({}).subarray(0, length),
  })),
  odd('OPT cut short', { counts: [1, 0, 0, 1], rest: opt(1232).slice(0, 7) }),
  odd('RDATA cut short', { counts: [1, 0, 0, 1], rest: [...opt(1232, 0, option(3, [1, 2])).slice(0, -1)] }),
  // RFC 1035 4.1.4, 2.3.4: names.
  odd('a label of 64', { questions: [asQuestion([...longLabel(64), 0])] }),
  odd('a label type 10', { questions: [asQuestion([0x80, 0])] }),
  odd('a label type 01', { questions: [asQuestion([0x41, 1, 1, 0])] }),
  odd('a name of 255', { questions: [asQuestion([...range(1, 3).flatMap(() => longLabel(63)), ...longLabel(61), 0])] }),
  odd('a name of 256', { questions: [asQuestion([...range(1, 3).flatMap(() => longLabel(63)), ...longLabel(62), 0])] }),
  odd('a pointer to itself', { questions: [asQuestion([0xc0, 12])] }),
  odd('a pointer forward', { questions: [asQuestion([0xc0, 20])] }),
  odd('a pointer into the header', { questions: [asQuestion([0xc0, 8])] }),
  odd('a pointer to the end', { questions: [asQuestion([0xc0, 18])] }),
  odd('a label before a pointer to itself', { questions: [asQuestion([1, 0x61, 0xc0, 12])] }),
  odd('a pointer into the header behind a label', { questions: [asQuestion([4, ...Buffer.from('host'), 0xc0, 4])] }),
  odd('an owner by a pointer', { additionals: [record([0xc0, 12], TYPE.A, CLASS.IN, 0, [1, 2, 3, 4])] }),
  odd('a name without end', { questions: [], counts: [1, 0, 0, 0], rest: longLabel(5) }),
  // Types (RFC 6895 3.1) and classes.
  ...[0, 41, 128, 248, 249, 250, 251, 252, 253, 254, 255, 65535].map((type) =>
    odd(`type ${type}`, { questions: [question('host.steps.test', type)] }),
  ),
  ...[41, 249, 250, 251, 252].map((type) => odd(`type ${type} at the apex`, { questions: [question(ZONE, type)] })),
  ...[0, 2, 3, 4, 254, 255, 65535].map((rrClass) =>
    odd(`class ${rrClass}`, { questions: [question('host.steps.test', TYPE.A, rrClass)] }),
  ),
  odd('version.bind in CH', { questions: [question('version.bind', TYPE.TXT, CLASS.CH)] }),
  odd('AXFR in CH', { questions: [question(ZONE, TYPE.AXFR, CLASS.CH)] }),
  odd('class ANY for no zone of ours', { questions: [question('nowhere.invalid', TYPE.A, CLASS.ANY)] }),
  odd('no zone of ours', { questions: [question('nowhere.invalid', TYPE.A)] }),
  odd('no zone of ours, EDNS', { questions: [question('nowhere.invalid', TYPE.A)], additionals: [opt(1232)] }),
  odd('AXFR of no zone of ours', { questions: [question('nowhere.invalid', TYPE.AXFR)] }),
  odd('IXFR without SOA', { questions: [question(ZONE, TYPE.IXFR)] }),
  odd('IXFR, the same serial', { questions: [question(ZONE, TYPE.IXFR)], authorities: [soa(1)] }),
  odd('IXFR, an older serial', { questions: [question(ZONE, TYPE.IXFR)], authorities: [soa(0)] }),
  odd('IXFR, a newer serial', { questions: [question(ZONE, TYPE.IXFR)], authorities: [soa(2)] }),
  odd('IXFR, two SOA', { questions: [question(ZONE, TYPE.IXFR)], authorities: [soa(1), soa(0)] }),
  // EDNS (RFC 6891 6.1, RFC 8906 3.2).
  ...[0, 511, 512, 65535].map((size) => odd(`EDNS of size ${size}`, { additionals: [opt(size)] })),
  ...[1, 2, 255].map((version) => odd(`EDNS version ${version}`, { additionals: [opt(1232, version << 16)] })),
  odd('EDNS version 1 with an unknown option', { additionals: [opt(1232, 1 << 16, option(65001, [1]))] }),
  odd('EDNS version 1, opcode 15', { flags: 15 << 11, additionals: [opt(1232, 1 << 16)] }),
  odd('EDNS version 1, no zone of ours', {
    questions: [question('nowhere.invalid', TYPE.A)],
    additionals: [opt(1232, 1 << 16)],
  }),
  odd('EDNS flags but DO', { additionals: [opt(1232, 0x7fff)] }),
  odd('EDNS RCODE 255', { additionals: [opt(1232, 255 * 2 ** 24)] }),
  odd('two OPT', { additionals: [opt(1232), opt(1232)] }),
  odd('OPT with an owner', { additionals: [record(name('a'), TYPE.OPT, 1232, 0, [])] }),
  odd('OPT as an answer', { answers: [opt(1232)] }),
  odd('OPT as an authority', { authorities: [opt(1232)] }),
  odd('an unknown option', { additionals: [opt(1232, 0, option(65001, [1, 2, 3]))] }),
  odd('an option cut short', { additionals: [opt(1232, 0, option(65001, [1], 9))] }),
  odd('an option of three octets', { additionals: [opt(1232, 0, [0, 1, 0])] }),
  odd('NSID with data', { additionals: [opt(1232, 0, option(3, [1, 2]))] }),
  ...[0, 7, 8, 9, 15, 16, 24, 40, 41].map((length) =>
    odd(`a cookie of ${length}`, { additionals: [opt(1232, 0, option(10, Array<number>(length).fill(5)))] }),
  ),
  odd('keepalive over UDP', { additionals: [opt(1232, 0, option(11, [0, 1]))] }),
  odd('ECS of no family', { additionals: [opt(1232, 0, option(8, [0, 9, 33, 0]))] }),
  // TSIG (RFC 8945 5.1, 5.2).
  odd('TSIG of an unknown key', { additionals: [tsig()] }),
  odd('TSIG without MAC', { additionals: [tsig(0)] }),
  odd('TSIG before OPT', { additionals: [tsig(), opt(1232)] }),
  odd('OPT before TSIG', { additionals: [opt(1232), tsig()] }),
  odd('TSIG twice', { additionals: [tsig(), tsig()] }),
  odd('TSIG as an answer', { answers: [tsig()] }),
  odd('TSIG as an authority', { authorities: [tsig()] }),
  odd('TSIG of class IN', { additionals: [tsig(32, CLASS.IN)] }),
  odd('TSIG with a TTL', { additionals: [tsig(32, CLASS.ANY, 1)] }),
  odd('TSIG with other data announced', {
    additionals: [record(name('key'), TYPE.TSIG, CLASS.ANY, 0, tsigData(32, 65535))],
  }),
  odd('TSIG of no octets', { additionals: [record(name('key'), TYPE.TSIG, CLASS.ANY, 0, [])] }),
  // Records beside a plain question that are wrong in themselves.
  odd('an address of three octets', { additionals: [record([0], TYPE.A, CLASS.IN, 0, [1, 2, 3])] }),
  odd('an SOA of no octets', { authorities: [record([0], TYPE.SOA, CLASS.IN, 0, [])] }),
];
