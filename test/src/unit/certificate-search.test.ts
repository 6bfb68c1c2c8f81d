/** Where something is requested, over the versions of a zone; what is remembered and said about it; whose turn is next. */
import 'reflect-metadata';
import { randomFillSync } from 'node:crypto';
import { Name } from '@zonewright/common/name';
import { fail, ok } from '@zonewright/common/result';
import { CLASS } from '@zonewright/common/rr/class';
import { parseRdata } from '@zonewright/common/rr/rdata';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { RCODE } from '@zonewright/common/wire/code';
import { diffZones } from '@zonewright/common/zone/delta';
import { History } from '@zonewright/common/zone/history';
import { Zone } from '@zonewright/common/zone/zone';
import { parseCertificate } from '@zonewright/letsencrypt/certificate';
import { makeCsr } from '@zonewright/letsencrypt/csr';
import { DnsClient } from '@zonewright/letsencrypt/dns';
import { groupOf, registeredDomain } from '@zonewright/letsencrypt/domain';
import { failureOf } from '@zonewright/letsencrypt/fulfilment';
import { makeKey } from '@zonewright/letsencrypt/key';
import {
  begun,
  failed,
  issuedNow,
  type Memory,
  ordered,
  readMemory,
  recalled,
  writeMemory,
} from '@zonewright/letsencrypt/memory';
import { type Found, SET_OCTETS } from '@zonewright/letsencrypt/posting';
import { publication } from '@zonewright/letsencrypt/publish';
import { findPostings, ZoneSearch } from '@zonewright/letsencrypt/search';
import { formatStatus, statusOf, statusRdata } from '@zonewright/letsencrypt/status';
import { StatusRecords } from '@zonewright/letsencrypt/status-records';
import { csrRdata } from '@zonewright/letsencrypt/tlsa';
import { inTurn, type Task } from '@zonewright/letsencrypt/turn';
import { statusFor } from '@zonewright/letsencrypt/verdict-text';
import { judge, type Rules } from '@zonewright/letsencrypt/watch';
import { selfSigned } from '@zonewright/letsencrypt/x509';
import test from 'ava';
import { busyTime } from '../support/thread-time.ts';

const must = <T>(result: { ok: true; value: T } | { ok: false; fault: { what: string } }): T => {
  if (!result.ok) throw new Error(result.fault.what);
  return result.value;
};

const APEX = 'example.test';
const HOST = `www.${APEX}`;
const OWNER = `_letsencrypt._tcp.${HOST}`;
const NOW = Date.parse('2030-06-01T00:00:00Z');
const name = (text: string): Name => must(Name.parse(text));
const rules: Rules = { zone: name(APEX), names: 'zone', isAnyKey: false };

const recordOf = (owner: string, type: number, rdata: Uint8Array): ResourceRecord => ({
  name: name(owner),
  type,
  class: CLASS.IN,
  ttl: 60,
  rdata,
});
const tlsa = (rdata: Uint8Array, owner = OWNER): ResourceRecord => recordOf(owner, TYPE.TLSA, rdata);
const txt = (rdata: Uint8Array, owner = OWNER): ResourceRecord => recordOf(owner, TYPE.TXT, rdata);

const version = (serial: number, ...records: ResourceRecord[]): Zone => {
  const words = `ns.${APEX}. root.${APEX}. ${serial} 1 1 1 1`.split(' ').map((text) => ({ text, isQuoted: false }));
  const soa = recordOf(APEX, TYPE.SOA, must(parseRdata(TYPE.SOA, words, Name.root)));
  return Zone.fromRecords(name(APEX), [soa, ...records])!;
};

const key = must(await makeKey('p256'));
const otherKey = must(await makeKey('p256'));
const csr = csrRdata(must(await makeCsr({ hosts: [HOST], key })));
const otherCsr = csrRdata(must(await makeCsr({ hosts: [HOST], key: otherKey })));
const certificateOf = async (days: number, of = key) =>
  must(
    parseCertificate(
      await selfSigned({ key: of, hosts: [HOST], addresses: [], notBefore: new Date(NOW - 86_400_000), days }),
    ),
  );

const follow = (search: ZoneSearch, zone: Zone, history?: History): number => {
  let steps = 0;
  for (const _ of search.update(zone, history)) steps++;
  return steps;
};
const kindOf = ({ posting }: Found): string => (posting.ok ? 'request' : posting.fault.kind);

test('of several CSRs the newest by the history of the zone counts; the older go when it is met, and stay known while the set is the same', async (t) => {
  const history = new History();
  const first = version(1, tlsa(csr));
  const second = version(2, tlsa(csr), tlsa(otherCsr));
  history.add(diffZones(first, second));
  const search = new ZoneSearch();
  follow(search, second, history);
  const [found] = search.found();
  if (!found?.posting.ok) return t.fail(found && kindOf(found));
  t.deepEqual(csrRdata(found.posting.value.csr.der), otherCsr);
  const certificate = await certificateOf(90, otherKey);
  const { set, older } = found.posting.value;
  t.deepEqual(publication(set, { certificate, chain: [] }, older).removed, [csr]);

  // The history is lost, and another name changes.
  const third = version(3, tlsa(csr), tlsa(otherCsr), tlsa(Uint8Array.of(3, 1, 1, 1), `x.${APEX}`));
  follow(search, third);
  t.is(kindOf([...search.found()][0]!), 'request');
  // Without any history it is not known.
  t.is(kindOf(findPostings(third)[0]!), 'several');
  // Nor if both came at once.
  const both = new History();
  both.add(diffZones(version(1), second));
  t.is(kindOf(findPostings(second, both)[0]!), 'several');
});

test('after a change only the names that it touches are read again', (t) => {
  const others = Array.from({ length: 2000 }, (_, i) => recordOf(`h${i}.${APEX}`, TYPE.TXT, Uint8Array.of(1, 65)));
  const search = new ZoneSearch();
  const first = version(1, ...others);
  t.true(follow(search, first) > 2000);
  const second = version(2, ...others, tlsa(csr));
  const history = new History();
  history.add(diffZones(first, second));
  t.true(follow(search, second, history) < 5);
  t.is([...search.found()].length, 1);
  const third = version(3, ...others);
  history.add(diffZones(second, third));
  follow(search, third, history);
  t.is([...search.found()].length, 0);
});

test('garbage of any size at thousands of names is bounded work, and asks for nothing', (t) => {
  const garbage: ResourceRecord[] = [];
  for (let i = 0; i < 3000; i++) {
    const octets = randomFillSync(new Uint8Array(6 + (i % 200)));
    // Half of them look like a CSR, and some like one with its first octets.
    if (i % 2 === 0) octets.set([3, 255, 0]);
    if (i % 4 === 0) octets.set([0x30, 0x82, 0x01], 3);
    garbage.push(tlsa(octets, `_letsencrypt._tcp.h${i}.${APEX}`));
  }
  const large = new Uint8Array(65_000);
  large.set(csr);
  garbage.push(tlsa(large, `_letsencrypt._tcp.large.${APEX}`));
  for (let i = 0; i < 300; i++) {
    const octets = new Uint8Array(200).fill(i % 256);
    octets.set([3, 255, 0, i >> 8]);
    garbage.push(tlsa(octets, `_letsencrypt._tcp.many.${APEX}`));
  }
  const zone = version(1, ...garbage);
  const ended = busyTime();
  const found = findPostings(zone);
  const busy = ended();
  t.true(busy < 5000, `${busy} ms`);
  for (const one of found) t.is(judge(one, undefined, rules, NOW).kind, 'unclear', one.name.toString());
  const size = found.filter((one) => kindOf(one) === 'size').map((one) => one.name.toString());
  t.deepEqual(size.sort(), [`_letsencrypt._tcp.large.${APEX}.`, `_letsencrypt._tcp.many.${APEX}.`]);
  t.true(300 * 200 > SET_OCTETS);
});

test('a status of ours is found beside a request, and where none is any more; texts of others are passed over', (t) => {
  const status = statusRdata({ state: 'waiting' });
  const theirs = Uint8Array.of(3, 65, 66, 67);
  const search = new ZoneSearch();
  follow(search, version(1, tlsa(csr), txt(status), txt(theirs)));
  t.deepEqual([...search.found()][0]!.statuses, [status]);
  follow(search, version(2, txt(status), txt(theirs)));
  t.deepEqual([[...search.found()].length, [...search.stale()].map(({ statuses }) => statuses)], [0, [[status]]]);
  follow(search, version(3, txt(theirs)));
  t.is([...search.stale()].length, 0);
});

const foundWith = (...statuses: Uint8Array[]): Found =>
  findPostings(version(1, tlsa(csr), ...statuses.map((one) => txt(one))))[0]!;

test('what is remembered about a name is the same after a restart, but that something is under way', async (t) => {
  const { posting } = foundWith();
  const issued = { certificate: await certificateOf(90), chain: [await certificateOf(80)] };
  const memory = failed(
    ordered(issuedNow(begun(undefined, must(posting)), issued), 'https://ca.example/order/1'),
    { what: 'no', retryAfter: 60 },
    NOW,
    () => 0,
  );
  t.deepEqual(readMemory(JSON.parse(JSON.stringify(writeMemory(memory)))), memory);
  t.is(readMemory(JSON.parse(JSON.stringify(writeMemory(begun(memory, must(posting))))))?.isBusy, false);
  for (const odd of [null, 1, 'x', [], {}, { id: 1 }, { id: 'x', failures: -1, notBefore: 0 }]) {
    t.is(readMemory(odd as Parameters<typeof readMemory>[0]), undefined);
  }
});

test('what a primary says of itself, and where it is, stays out of the status that everybody can read', async (t) => {
  const found = foundWith();
  const dns = new DnsClient({ server: { address: '127.0.0.1', port: 1 } });
  const looked = await dns.zoneOf(name(APEX));
  if (looked.ok) throw new Error('nobody is there');
  const fault = { ...looked.fault, what: `127.0.0.1:1: git push /srv/secret.git: ${looked.fault.what}` };
  const busy = begun(undefined, must(found.posting));
  const kept = writeMemory(failed(busy, failureOf(fault), NOW, () => 0));
  const memory = readMemory(JSON.parse(JSON.stringify(kept)))!;
  t.is(memory.reason, fault.what);
  const status = statusFor(found, judge(found, memory, rules, NOW + 1), memory);
  if (status === undefined || status === 'any') throw new Error('no status');
  t.is(status.reason, 'the zone cannot be changed now');
  t.notRegex(formatStatus(status), /127|git|srv/);
  // The next reason may be of another kind.
  const next = failed(memory, { what: 'CAA' }, NOW, () => 0);
  t.like(statusFor(found, judge(found, next, rules, NOW + 1), next), { reason: 'CAA' });
});

test('a service without a memory takes up the wait that the status beside the request tells of, for that request only', (t) => {
  const bare = foundWith();
  const { id } = must(bare.posting);
  let memory: Memory = begun(undefined, { id });
  for (let i = 0; i < 3; i++) memory = failed(memory, { what: 'no such "host"', isRefused: i > 1 }, NOW, () => 0);
  const verdict = judge(bare, memory, rules, NOW);
  const status = statusFor(bare, verdict, memory);
  if (status === undefined || status === 'any') return t.fail();
  t.is(status.state, 'refused');
  const again = recalled(foundWith(statusRdata(status)), NOW);
  t.deepEqual(again, { ...memory, reason: "no such 'host'" });
  t.is(judge(bare, again, rules, NOW + 1).kind, 'waiting');
  t.is(recalled(foundWith(statusRdata({ ...status, request: 'f'.repeat(16) })), NOW), undefined);
  t.is(recalled(bare, NOW), undefined);
  const far = recalled(foundWith(statusRdata({ ...status, next: NOW + 1e12 })), NOW);
  t.is(far?.notBefore, NOW + 7 * 86_400_000);
});

test('while the CA is away a name waits for half an hour at most', (t) => {
  let memory: Memory = begun(undefined, must(foundWith().posting));
  for (let i = 0; i < 20; i++) memory = failed(memory, { what: 'gone', isOutage: true }, NOW, () => 0.999);
  t.true(memory.notBefore - NOW <= 1_800_000);
});

test('the registered domain is the highest zone of ours of two labels at least, and who asks is the label below', (t) => {
  const zonesWith = (...origins: string[]) => {
    const known = new Set(origins.map((origin) => name(origin).key));
    return { get: (origin: Name) => (known.has(origin.key) ? version(1) : undefined) };
  };
  const zones = zonesWith('test', 'sub.example.test', 'example.test');
  t.is(registeredDomain('*.a.sub.example.test', zones), 'example.test.');
  t.is(registeredDomain('Example.test', zones), 'example.test.');
  t.is(registeredDomain('www.example.co.uk', zonesWith('example.co.uk')), 'example.co.uk.');
  t.is(registeredDomain('www.else.org', zones), 'else.org.');
  t.is(registeredDomain('mirage', zones), 'mirage.');
  t.is(groupOf(name('a.team.example.test'), zones), 'team.example.test.');
  t.is(groupOf(name('example.test'), zones), 'example.test.');
});

test('what is issued goes first, then the renewal whose certificate ends first, then whoever has had the least', async (t) => {
  const posting = must(foundWith().posting);
  const [soon, late] = [await certificateOf(3), await certificateOf(30)];
  const publish: Task = { kind: 'publish', posting, issued: { certificate: late, chain: [] } };
  const due = (one: typeof soon): Task => ({ kind: 'order', posting, why: 'due', due: one });
  const [busy, idle]: readonly Task[] = [
    { kind: 'order', posting, why: 'new' },
    { kind: 'order', posting, why: 'changed' },
  ];
  const [lateTask, soonTask] = [due(late), due(soon)];
  const turns = inTurn([busy!, lateTask, idle!, soonTask, publish], {
    spent: (task) => (task === busy ? 5 : 0),
    failures: () => 0,
  });
  t.deepEqual(turns, [publish, soonTask, lateTask, idle!, busy!]);
});

test('a status is written when it has changed, once a minute at most, and taken away with the request', async (t) => {
  const sent: { readonly prerequisites?: readonly ResourceRecord[]; readonly operations: readonly ResourceRecord[] }[] =
    [];
  let isRefused = false;
  const dns = {
    update: async (_: Name, change: (typeof sent)[number]) => {
      sent.push(change);
      return isRefused ? fail({ kind: 'refused', what: 'no', rcode: RCODE.REFUSED }) : ok(undefined);
    },
  } as unknown as DnsClient;
  let written = 0;
  const records = new StatusRecords(dns, SILENT_LOG, new AbortController().signal, () => written++);
  const turn = () => new Promise(setImmediate);
  const place = (...statuses: Uint8Array[]) => ({ name: name(OWNER), origin: name(APEX), statuses });
  const refused = { state: 'refused', reason: 'no' } as const;
  const waiting = { state: 'waiting', reason: 'later' } as const;
  const texts = (change: (typeof sent)[number] | undefined) =>
    change?.operations.map((one) => [one.class === CLASS.IN ? 'add' : 'delete', statusOf(one.rdata)?.state]);

  // What passes is not written.
  t.is(records.want(place(), { state: 'ordered' }, NOW), NOW + 2000);
  records.want(place(), refused, NOW + 1000);
  await turn();
  t.deepEqual(texts(sent[0]), [['add', 'refused']]);
  t.is(sent[0]!.prerequisites![0]!.type, TYPE.TLSA);
  t.is(written, 1);
  // The zone does not show it yet, and then it does.
  t.is(records.want(place(), refused, NOW + 2000), NOW + 61_000);
  t.is(records.want(place(statusRdata(refused)), refused, NOW + 3000), Number.POSITIVE_INFINITY);
  t.is(records.want(place(statusRdata(refused)), waiting, NOW + 4000), NOW + 61_000);
  t.is(sent.length, 1);
  isRefused = true;
  records.want(place(statusRdata(refused)), waiting, NOW + 61_000);
  await turn();
  t.deepEqual(texts(sent[1])!.at(-1), ['add', 'waiting']);
  t.true(records.want(place(statusRdata(refused)), waiting, NOW + 62_000) >= NOW + 121_000);
  isRefused = false;
  records.want(place(statusRdata(refused)), undefined, NOW + 86_400_000);
  await turn();
  t.true(texts(sent[2])!.every(([what, state]) => what === 'delete' && state === 'refused'));
  t.deepEqual(sent[2]!.prerequisites, []);
});

test('a request that comes and goes has its status written once a minute at most, too', async (t) => {
  let sent = 0;
  const dns = {
    update: async () => {
      sent++;
      return ok(undefined);
    },
  } as unknown as DnsClient;
  const records = new StatusRecords(dns, SILENT_LOG, new AbortController().signal, () => undefined);
  const place = { name: name(OWNER), origin: name(APEX), statuses: [] };
  const refused = { state: 'refused', reason: 'no' } as const;
  const wantAt = async (at: number): Promise<void> => {
    records.want(place, refused, at);
    await new Promise(setImmediate);
    records.forget(() => false, at);
  };
  for (let at = NOW; at < NOW + 60_000; at += 1000) await wantAt(at);
  t.is(sent, 1);
  await wantAt(NOW + 60_000);
  t.is(sent, 2);
  records.forget(() => false, NOW + 120_000);
  // Nothing is kept of it then, and a minute later nothing holds it.
  await wantAt(NOW + 120_001);
  t.is(sent, 3);
});
