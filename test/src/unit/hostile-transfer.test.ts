/**
 * Primaries that send what they should not, over real sockets and through the thread of transfers: what came is a fault, what is served
 * stays as it was, down to the words of its image, and a good transfer is taken afterwards.
 */

import { InboundTransfer } from '@zonewright/common/authority/inbound';
import { parseKey } from '@zonewright/common/authority/key';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { printRecord, type ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { Replica } from '@zonewright/common/service/replica';
import { transferNewer } from '@zonewright/common/service/transfer-in';
import { DnsUpstream } from '@zonewright/common/service/upstream';
import { OPTION } from '@zonewright/common/wire/edns';
import { Zone } from '@zonewright/common/zone/zone';
import test, { type ExecutionContext } from 'ava';
import { copyingAuthority } from '../support/copying.ts';
import {
  addressLine as A,
  differing,
  HOSTILE,
  HOSTILE_DIFFERENCES,
  manyAddresses,
  NS,
  type Play,
  sending,
  soaLine as soa,
  wholeText,
} from '../support/hostile-transfers.ts';
import { freePort } from '../support/ports.ts';
import { given, nameOf, recordOf, recordsFrom } from '../support/records.ts';
import { type Script, startScriptedPrimary } from '../support/scripted-primary.ts';
import { until } from '../support/until.ts';

const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
const key = given(parseKey(`x.127.0.0.1._transfer.example:SHA256:${SECRET}`));
const stranger = given(parseKey(`x.127.0.0.1._transfer.example:SHA256:${Buffer.from('another').toString('base64')}`));
const origin = nameOf('example.');
const records = (text: string): ResourceRecord[] => recordsFrom(text, origin);

/** The version that is served, and changes in it. */
const served = (): Zone => Zone.fromRecords(origin, records([soa(1), NS, A(1)].join('\n')))!;
const whole = (...lines: readonly string[]): string => wholeText(2, ...lines);

const start = async (t: ExecutionContext, play: Play) => {
  const script: Script = {
    soa: () => recordOf(soa(2), origin),
    transfer: (answering) => play(answering, answering.request.questions[0]!.type === TYPE.AXFR),
  };
  const server = await startScriptedPrimary(t, key, await freePort(), script);
  return { server, script, route: { server, key } };
};

test('whatever a primary sends, the zone stays as it was, and a good transfer is taken afterwards', async (t) => {
  let play: Play = () => undefined;
  const forms: string[] = [];
  const { route } = await start(t, (answering, isWhole) => {
    forms.push(isWhole ? 'AXFR' : 'IXFR');
    return play(answering, isWhole);
  });
  const events: string[] = [];
  const upstream = new DnsUpstream({ log: { ...SILENT_LOG, warn: (event) => void events.push(event) } });
  t.teardown(() => upstream.close());
  const current = served();
  const lines = (): string[] => [...current.records()].map((record) => printRecord(record));
  const content = lines();
  const { words, end } = current.handle.image;
  const ask = () => upstream.ask(route, { origin, current });
  const unchanged = (what: string): void => {
    t.deepEqual(lines(), content, what);
    t.true(
      new Int32Array(words).subarray(end).every((word) => word === 0),
      `${what}: nothing is left in the image`,
    );
  };
  for (const [what, [hostile, fault]] of Object.entries(HOSTILE)) {
    play = hostile;
    const outcome = await ask();
    t.false(outcome.ok, what);
    if (!outcome.ok) {
      t.regex(outcome.fault.what, fault, what);
      t.not(outcome.fault.kind, 'gone', `${what}: a zone that was learnt would be dropped`);
    }
    unchanged(what);
  }
  for (const [what, hostile] of Object.entries(HOSTILE_DIFFERENCES)) {
    forms.length = 0;
    events.length = 0;
    play = hostile;
    t.false((await ask()).ok, what);
    t.deepEqual(forms, ['IXFR', 'AXFR'], what);
    t.deepEqual(events, ['transfer.ixfr-failed'], what);
    unchanged(what);
  }
  play = sending(whole(A(2)));
  const taken = given(await ask());
  t.is(taken.applied?.zone.serial, 2);
  t.is(taken.applied?.deltas, undefined, 'AXFR-style');
  play = differing(soa(3), soa(1), A(1), soa(2), A(2), soa(2), A(2), soa(3), A(3), soa(3));
  t.is(given(await ask()).applied?.deltas?.length, 2, 'several differences in order');
});

test('a reply that another key has signed is no reply', async (t) => {
  const { server } = await start(t, sending(whole()));
  const outcome = await transferNewer({ server, key: stranger }, origin, undefined);
  t.like(outcome, { ok: false, fault: { kind: 'tsig' } });
});

/** Milliseconds: short for what comes in drops, and for what does not end. */
const PACE = { timeout: 20_000, limit: 60_000, period: 500, keptReply: 500 };
const FLOOD = { ...PACE, limit: 1000, period: 2000 };

test('a transfer that never ends is given up: silence, drops, noise, and more of the same', async (t) => {
  let play: Play = () => undefined;
  const { route } = await start(t, (...what) => play(...what));
  const outcome = async (next: Play, pace = PACE): Promise<string> => {
    play = next;
    const result = await transferNewer(route, origin, undefined, { pace });
    return result.ok ? 'taken' : result.fault.what;
  };
  t.regex(await outcome(() => undefined), /too few/);
  t.regex(await outcome(({ send }) => send(records(soa(2)))), /too few/);
  const dripping =
    (isSigned: boolean): Play =>
    async ({ send }) => {
      for (let at = 0; await send(records(at === 0 ? soa(2) : A(at & 255)), {}, isSigned || at === 0); at++)
        await new Promise((next) => setTimeout(next, 20));
    };
  t.regex(await outcome(dripping(true)), /too few/);
  t.regex(await outcome(dripping(false)), /too few/, 'nor while nothing of it is believed yet');
  const flood: Play = async ({ send }) => {
    const large = records(Array.from({ length: 200 }, (_, i) => `b${i} 60 TXT "${'x'.repeat(200)}"`).join('\n'));
    for (let at = 0; await send(at === 0 ? records(soa(2)) : large); at++)
      await new Promise((next) => setTimeout(next, 5));
  };
  t.regex(await outcome(flood, FLOOD), /no end within/);
  play = sending(whole());
  t.true((await transferNewer(route, origin, undefined)).ok);
});

test('differences without end are given up, and the whole zone is taken', async (t) => {
  let sent = 0;
  const { route } = await start(t, async (answering, isWhole) => {
    if (isWhole) return sending(whole())(answering, true);
    await answering.send(records(`${soa(2)}\n${soa(1)}`));
    const more = manyAddresses(origin, 1000);
    while (await answering.send(more)) sent += more.length;
    return undefined;
  });
  const outcome = given(await transferNewer(route, origin, served()));
  t.is(outcome.applied?.zone.serial, 2);
  t.true(sent < 1_000_000, `${sent} records were sent`);
});

/** Names of a hundred labels each, of which no two have an ancestor below the apex in common. */
const deep = (count: number): ResourceRecord[] =>
  Array.from({ length: count }, (_, i) => ({
    ...recordOf(A(1), origin),
    name: nameOf(`${'a.'.repeat(99)}n${i}.example.`),
  }));

/** What a whole transfer of these comes to where a zone may have so many names. */
const takenWithin = (mostNames: number, records: readonly ResourceRecord[]) => {
  const inbound = new InboundTransfer(origin, undefined, 0, mostNames);
  inbound.take([recordOf(soa(2), origin)]);
  inbound.take(records);
  return inbound.take([recordOf(soa(2), origin)]);
};

test('names of many labels are too many by the empty non-terminals that they bring', (t) => {
  const taken = takenWithin(1001, deep(10));
  t.is(taken?.kind, 'whole');
  if (taken?.kind === 'whole') t.is(taken.zone.image.namesOf(taken.zone.root), 1001);
  const fault = takenWithin(1000, deep(10));
  t.regex(fault?.kind === 'inbound' ? fault.what : '', /a zone of more than .* names and empty non-terminals/);
});

test('differences that add names of many labels are given up before they are applied', (t) => {
  const inbound = new InboundTransfer(origin, 1);
  inbound.take(records([soa(2), soa(1), soa(2)].join('\n')));
  const some = deep(1000);
  let fault: unknown;
  let taken = 0;
  for (; fault === undefined && taken < 20; taken++) fault = inbound.take(some);
  t.is(taken, 11);
  t.like(fault, { kind: 'inbound', what: 'differences with names of more than 1000000 labels' });
});

test('EXPIRE of a transfer is heard, and a primary older than EDNS is asked without', async (t) => {
  const options = [{ code: OPTION.EXPIRE, data: Uint8Array.of(0, 0, 4, 0) }];
  const edns = { udpSize: 1232, version: 0, dnssecOk: false, options };
  const { route, script } = await start(t, ({ send }) => send(records(whole()), { edns }));
  t.is(given(await transferNewer(route, origin, undefined)).expire, 1024);
  script.transfer = ({ request, send }) =>
    request.edns === undefined ? send(records(whole())) : send([], { rcode: 1, questions: request.questions });
  const { applied, expire } = given(await transferNewer(route, origin, undefined));
  t.is(applied?.zone.serial, 2);
  t.is(expire, undefined);
});

test('an SOA that is answered without authority says neither that a copy is current nor that there is more', async (t) => {
  const { route, script } = await start(t, sending(whole()));
  const upstream = new DnsUpstream({ log: SILENT_LOG });
  t.teardown(() => upstream.close());
  const current = served();
  const ask = () => upstream.ask(route, { origin, current });
  script.head = { aa: false };
  for (const serial of [1, 2]) {
    script.soa = () => recordOf(soa(serial), origin);
    t.like(await ask(), { ok: false, fault: { kind: 'refused' } });
  }
  script.head = {};
  t.is(given(await ask()).applied?.zone.serial, 2);
});

test('a replica serves on what it has, and takes the next good version', async (t) => {
  let play: Play = sending(wholeText(1, A(1)));
  const { server, script } = await start(t, (...what) => play(...what));
  script.soa = () => recordOf(soa(1), origin);
  const zones = new ZoneTable();
  const replica: Replica = new Replica({
    sources: [{ key, primary: server, isHidden: false }],
    authority: copyingAuthority(zones, [key], () => replica),
    log: SILENT_LOG,
  });
  t.teardown(() => replica.stop());
  replica.start();
  const serial = () => zones.get(origin)?.serial;
  await until(serial, { what: 'the first version is served', holds: (seen) => seen === 1 });
  play = sending(whole(soa(3)));
  script.soa = () => recordOf(soa(2), origin);
  t.is(replica.notified(origin, key, 2, server).rcode, 0);
  await until(() => replica.status().some(({ failures }) => failures !== 0), {
    what: 'it has failed',
  });
  t.is(serial(), 1);
  play = sending(whole());
  await until(serial, { what: 'the next version is served', holds: (seen) => seen === 2 });
});
