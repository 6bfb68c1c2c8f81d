/**
 * What packets are fuzzed at: servers with the nasty zones of `test/files/nasty` as they are, with NSEC and with NSEC3, in the ways
 * that a server can be set up; and good messages of every kind, to be spoiled.
 */

import type { Authority } from '@zonewright/common/authority/authority';
import { ClientAddress } from '@zonewright/common/authority/client-address';
import { type Key, KeyTable, parseKey } from '@zonewright/common/authority/key';
import { receive } from '@zonewright/common/authority/receive';
import { Responder, type ResponderSettings } from '@zonewright/common/authority/responder';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE } from '@zonewright/common/wire/code';
import { type EdnsOption, OPTION } from '@zonewright/common/wire/edns';
import { decodeMessage, emptyMessage, encodeMessage, type Message } from '@zonewright/common/wire/message';
import { diffZones } from '@zonewright/common/zone/delta';
import { History } from '@zonewright/common/zone/history';
import type { Zone } from '@zonewright/common/zone/zone';
import { NOW } from './answering.ts';
import { type ChainOptions, chainZone } from './chained.ts';
import { type Chance, nastyZones } from './nasty.ts';
import { ODD_MESSAGES } from './odd-messages.ts';
import { given, nameOf } from './records.ts';
import { updateRecordOf } from './update-text.ts';

/** An address that cookies are given to. */
export const CLIENT = '192.0.2.1';
const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
const COOKIE_SECRET = new Uint8Array(16).fill(7);

/** Keys for everything there is, of all algorithms. */
export const KEYS: readonly Key[] = [
  'k._update:SHA256',
  'k._transfer:SHA1',
  'k._notify:SHA384',
  'k._update.steps.test:SHA512',
  'host._update.host.steps.test:SHA224',
].map((start) => given(parseKey(`${start}:${SECRET}`)));

export interface World {
  readonly what: string;
  readonly zones: ZoneTable;
  readonly originals: readonly Zone[];
  /** The same zones, each set up in another way. */
  readonly responders: readonly Responder[];
}

const SETTINGS: readonly ResponderSettings[] = [
  {},
  { cookies: { secrets: [COOKIE_SECRET], isRequired: false }, idleTime: 30_000, isRotating: true },
  { cookies: { secrets: [new Uint8Array(16), COOKIE_SECRET], isRequired: true }, idleTime: 30_000 },
  { rateLimit: { rate: 5, slip: 2, seed: 42 } },
  { cookies: { secrets: [COOKIE_SECRET], isRequired: false }, rateLimit: { rate: 2, slip: 1, seed: 43 } },
];

function worldOf(what: string, originals: readonly Zone[], isTransferOpen: boolean): World {
  const zones = new ZoneTable();
  const histories = new Map<string, History>();
  for (const zone of originals) {
    zones.set(zone);
    const soa = zone.soaRecord();
    const older = zone.change({ removed: [soa], added: [{ ...soa, rdata: olderSoa(soa.rdata) }] })!;
    const history = new History();
    history.add(diffZones(older, zone));
    histories.set(zone.origin.key, history);
  }
  zones.await(nameOf('awaited.test.'));
  const authority: Authority = {
    zones,
    keys: new KeyTable(KEYS),
    identity: { version: 'zonewright 1', id: 'ns.test' },
    isTransferOpen,
    isPrimary: what !== 'NSEC',
    historyOf: (origin) => histories.get(origin.key),
    expiryOf: (zone) => zone.soa.expire,
  };
  return { what, zones, originals, responders: SETTINGS.map((settings) => new Responder(authority, settings)) };
}

/** Serial 0, whatever it was. */
function olderSoa(rdata: Uint8Array): Uint8Array {
  const older = Uint8Array.from(rdata);
  older.fill(0, older.length - 20, older.length - 16);
  return older;
}

export function worlds(): readonly World[] {
  const plain = nastyZones().flatMap(({ zone }) => (zone === undefined ? [] : [zone]));
  const chained = (options: ChainOptions): readonly Zone[] => plain.map((zone) => chainZone(zone, options));
  const salt = Uint8Array.of(0xab, 0xcd);
  return [
    worldOf('plain', plain, true),
    worldOf('NSEC', chained({}), false),
    worldOf('NSEC3', chained({ hash: { iterations: 0, salt: new Uint8Array(0), isOptOut: false } }), false),
    worldOf('NSEC3 with opt-out', chained({ hash: { iterations: 12, salt, isOptOut: true } }), true),
  ];
}

/** Options of requests, good ones and odd ones. `cookie` is one that the server has given. */
const optionsOf = (cookie: Uint8Array): readonly (readonly EdnsOption[])[] => {
  const option = (code: number, ...data: readonly number[]): EdnsOption => ({ code, data: Uint8Array.from(data) });
  return [
    [],
    [{ code: OPTION.COOKIE, data: cookie }],
    [option(OPTION.COOKIE, 1, 2, 3, 4, 5, 6, 7, 8), option(OPTION.NSID)],
    [option(OPTION.KEEPALIVE), option(OPTION.EXPIRE), option(OPTION.ZONEVERSION)],
    [option(OPTION.NSID), option(OPTION.PADDING, 0, 0, 0), option(65001, 9), option(8, 0, 1, 24, 0, 192, 0, 2)],
  ];
};

const TYPES: readonly number[] = [
  1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 39, 43, 46, 47, 48, 50, 51, 64, 65, 255, 256, 65280,
];
const SIZES: readonly (number | undefined)[] = [undefined, 512, 1232, 4096, 0, 65535];

/** Good messages of every kind; the fuzzer signs some of them. */
export function goodMessages({ responders, originals }: World, chance: Chance): readonly Uint8Array[] {
  const first = queryWith({ name: nameOf('steps.test.'), type: TYPE.SOA }, 1232, false, [
    { code: OPTION.COOKIE, data: new Uint8Array(8) },
  ]);
  const [, withCookies] = responders;
  withCookies!.from(ClientAddress.of(CLIENT), 0);
  const outcome = receive(withCookies!, first, 'udp', NOW);
  if (outcome.kind !== 'reply') throw new Error('no cookie');
  const cookie = given(decodeMessage(outcome.octets)).edns!.options.find(({ code }) => code === OPTION.COOKIE)!.data;
  const options = optionsOf(cookie);
  const messages: Uint8Array[] = [];
  const pick = <T>(from: readonly T[]): T => from[chance(from.length)]!;
  for (const zone of originals) {
    const owners = [...zone.nodes()].map(({ name }) => name);
    for (let i = 0; i < 12; i++) {
      const owner = pick(owners);
      const below = owner.child(pick(['*', 'x', 'nothing', '\0']));
      const name = chance(2) === 0 && below.ok ? below.value : owner;
      messages.push(queryWith({ name, type: pick(TYPES) }, pick(SIZES), chance(2) === 0, pick(options)));
    }
    messages.push(queryWith({ name: zone.origin, type: TYPE.AXFR }, pick(SIZES), false, pick(options)));
    const ixfr = given(decodeMessage(queryWith({ name: zone.origin, type: TYPE.IXFR }, pick(SIZES), false, [])));
    const soa = zone.soaRecord();
    messages.push(encodeMessage({ ...ixfr, authorities: [pick([soa, { ...soa, rdata: olderSoa(soa.rdata) }])] }));
    messages.push(encodeMessage({ ...about(zone, OPCODE.NOTIFY), aa: true, answers: [zone.soaRecord()] }));
    if (zone.origin.wire.length < 200) messages.push(...updatesOf(zone));
  }
  return [...messages, ...ODD_MESSAGES.map(({ octets }) => octets)];
}

function queryWith(
  question: Pick<Message['questions'][number], 'name' | 'type'>,
  size: number | undefined,
  dnssecOk: boolean,
  options: readonly EdnsOption[],
): Uint8Array {
  return encodeMessage({
    ...emptyMessage(0x1234, OPCODE.QUERY),
    rd: true,
    questions: [{ ...question, class: CLASS.IN }],
    ...(size === undefined ? {} : { edns: { udpSize: size, version: 0, dnssecOk, options } }),
  });
}

const about = (zone: Zone, opcode: number): Message => ({
  ...emptyMessage(0x4321, opcode),
  questions: [{ name: zone.origin, type: TYPE.SOA, class: CLASS.IN }],
});

/** UPDATEs with all forms of prerequisites and operations (RFC 2136 2.4, 2.5). */
function updatesOf(zone: Zone): readonly Uint8Array[] {
  const wanted = ['nx nothing', 'yx @ SOA', 'nx @ WKS', 'yx @'];
  const done = [
    'add new 60 A 192.0.2.1\nadd new 60 TXT "a" "b"\nadd *.new 60 MX 1 new',
    'add a.b.c.new 60 CNAME new\nadd sub 60 NS ns.sub\nadd ns.sub 60 AAAA ::1',
    'delete new\ndelete sub NS\ndelete new A 192.0.2.1\ndelete a.b.c.new',
    'add @ 60 SOA ns h 9 9 9 9 9\ndelete @ NS\nadd @ 60 WKS 192.0.2.1 tcp 25',
  ];
  const records = (lines: string): Message['answers'] =>
    lines.split('\n').map((line) => updateRecordOf(line, zone.origin));
  return done.map((lines, i) =>
    encodeMessage({ ...about(zone, OPCODE.UPDATE), answers: records(wanted[i]!), authorities: records(lines) }),
  );
}
