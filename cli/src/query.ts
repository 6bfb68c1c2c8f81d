/**
 * `zonewright query`: asks one server one thing, for machines without dig. Prints zone-file lines in sections, as dig does.
 *
 * A transfer (`AXFR`, `IXFR=SERIAL`) prints its records in the order they came, and is an error when it is not complete.
 */
import { printPeer } from '@zonewright/common/net/address';
import type { Fault } from '@zonewright/common/result';
import { fail, ok, type Result } from '@zonewright/common/result';
import { CLASS, parseClass, printClass } from '@zonewright/common/rr/class';
import { printRecord, type ResourceRecord } from '@zonewright/common/rr/record';
import { parseType, printType, TYPE } from '@zonewright/common/rr/type';
import { EXIT, type ExitCode } from '@zonewright/common/service/exit';
import { type CommandContext, defineCommand } from '@zonewright/common/service/options';
import { OPCODE, printRcode, RCODE } from '@zonewright/common/wire/code';
import { extendedErrorText, OPTION } from '@zonewright/common/wire/edns';
import { emptyMessage, type Message, type Question } from '@zonewright/common/wire/message';
import { securedBy, TLS_OPTIONS } from './secure.ts';
import { ask, EDNS, type Reply, resolveServer } from './server.ts';
import { type Transfer, transfer } from './transfer.ts';
import { KEY, PORT, parseName, SERVER } from './words.ts';

interface Wanted {
  readonly type: number;
  /** What an IXFR starts from. */
  readonly serial?: number;
}

/** `AAAA`, `TYPE65534`, `IXFR=7`. */
function parseWanted(text: string): Result<Wanted, Fault> {
  const serial = /^IXFR=(\d{1,10})$/i.exec(text)?.[1];
  if (serial !== undefined && Number(serial) < 2 ** 32) return ok({ type: TYPE.IXFR, serial: Number(serial) });
  const type = parseType(text);
  if (type === undefined || serial !== undefined) return fail({ kind: 'usage', what: `"${text}" is no record type` });
  if (type === TYPE.IXFR)
    return fail({ kind: 'usage', what: 'an IXFR starts from a serial', hint: 'write IXFR=SERIAL' });
  return ok({ type });
}

function parseClassWord(text: string): Result<number, Fault> {
  const code = parseClass(text);
  return code === undefined ? fail({ kind: 'usage', what: `"${text}" is no class`, hint: 'IN, CH' }) : ok(code);
}

const FLAGS = ['qr', 'aa', 'tc', 'rd', 'ra', 'ad', 'cd'] as const;

/** NSID is text by custom only (RFC 5001 2.3). */
function nsidOf(message: Message): string | undefined {
  const data = message.edns?.options.find(({ code }) => code === OPTION.NSID)?.data;
  if (data === undefined || data.length === 0) return undefined;
  const text = Buffer.from(data).toString('latin1');
  return /^[ -~]+$/.test(text) ? text : Buffer.from(data).toString('hex');
}

const questionText = ({ name, type, class: code }: Question): string =>
  `${name} ${printClass(code)} ${printType(type)}`;

function sections(message: Message): readonly (readonly [string, readonly ResourceRecord[]])[] {
  return [
    ['ANSWER', message.answers],
    ['AUTHORITY', message.authorities],
    ['ADDITIONAL', message.additionals],
  ];
}

function printReply({ message, server }: Reply, context: CommandContext): void {
  const counts = [['QUERY', message.questions] as const, ...sections(message)];
  context.out(`;; ->>HEADER<<- opcode: QUERY, status: ${printRcode(message.rcode)}, id: ${message.id}`);
  const flags = FLAGS.filter((flag) => message[flag]).join(' ');
  context.out(`;; flags: ${flags}; ${counts.map(([name, items]) => `${name}: ${items.length}`).join(', ')}`);
  const error = extendedErrorText(message.edns);
  if (error !== undefined) context.out(`;; EDE: ${error}`);
  const nsid = nsidOf(message);
  if (nsid !== undefined) context.out(`;; NSID: ${nsid}`);
  context.out('\n;; QUESTION SECTION:');
  for (const question of message.questions) context.out(`;${questionText(question)}`);
  for (const [name, records] of sections(message)) {
    if (records.length === 0) continue;
    context.out(`\n;; ${name} SECTION:`);
    for (const record of records) context.out(printRecord(record));
  }
  context.out(`\n;; SERVER: ${printPeer(server)}${message.tsig === undefined ? '' : ', signature verified'}`);
}

function asJson({ message, server }: Reply): string {
  const nsid = nsidOf(message);
  const error = extendedErrorText(message.edns);
  return JSON.stringify({
    server: printPeer(server),
    status: printRcode(message.rcode),
    flags: FLAGS.filter((flag) => message[flag]),
    question: message.questions.map(questionText),
    answer: message.answers.map((record) => printRecord(record)),
    authority: message.authorities.map((record) => printRecord(record)),
    additional: message.additionals.map((record) => printRecord(record)),
    signed: message.tsig !== undefined,
    ...(error === undefined ? {} : { error }),
    ...(nsid === undefined ? {} : { nsid }),
  });
}

function printTransfer(result: Result<Transfer, Fault>, isJson: boolean, context: CommandContext): ExitCode {
  if (!result.ok) return context.fail(result.fault);
  const { records, server, messages } = result.value;
  if (isJson) {
    context.out(
      JSON.stringify({
        server: printPeer(server),
        status: 'NOERROR',
        messages,
        records: records.map((record) => printRecord(record)),
      }),
    );
  } else {
    for (const record of records) context.out(printRecord(record));
    context.out(`;; SERVER: ${printPeer(server)}, ${records.length} records in ${messages} messages`);
  }
  return EXIT.done;
}

export const command = defineCommand({
  name: 'query',
  summary: 'ask a server',
  description:
    'Asks one server, over UDP and, when the answer does not fit, over TCP. Any answer is a success, also that there is no such name.',
  arguments: [
    SERVER,
    { name: '<NAME>', description: 'domain name', parse: parseName },
    { name: '[TYPE]', description: 'record type, AXFR or IXFR=SERIAL; A unless given', parse: parseWanted },
  ],
  options: [
    PORT,
    KEY,
    { flag: '--tcp', description: 'ask over TCP' },
    ...TLS_OPTIONS,
    { flag: '--class <CLASS>', description: 'IN or CH', default: 'IN', parse: parseClassWord },
    { flag: '--json', description: 'print one JSON object' },
  ],
  async run({ server, name, type, port, key, tcp, class: code, json, ...words }, context) {
    const secured = await securedBy(words, server, port);
    if (!secured.ok) return context.fail(secured.fault);
    const { tls } = secured.value;
    const peers = await resolveServer(server, secured.value.port);
    if (!peers.ok) return context.fail(peers.fault);
    const wanted = type ?? { type: TYPE.A };
    if (wanted.type === TYPE.AXFR || wanted.type === TYPE.IXFR)
      return printTransfer(await transfer(peers.value, name, wanted.serial, key, tls), json, context);
    const nsid = { code: OPTION.NSID, data: new Uint8Array(0) };
    const message: Message = {
      ...emptyMessage(0, OPCODE.QUERY),
      rd: code === CLASS.IN,
      questions: [{ name, type: wanted.type, class: code }],
      edns: { ...EDNS, options: [nsid] },
    };
    const reply = await ask(peers.value, {
      message,
      transport: tcp ? 'tcp' : 'auto',
      ...(tls === undefined ? {} : { tls }),
      ...(key === undefined ? {} : { key }),
    });
    if (!reply.ok) return context.fail(reply.fault);
    if (json) context.out(asJson(reply.value));
    else printReply(reply.value, context);
    const { rcode } = reply.value.message;
    return rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN ? EXIT.done : EXIT.refused;
  },
});
