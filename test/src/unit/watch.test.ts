/**
 * What the ACME secondary decides, and what it writes: judged from zones made of records, without a CA, a server or a clock.
 */
import 'reflect-metadata';
import { createPublicKey, type KeyObject, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { parseKey } from '@zonewright/common/authority/key';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import { parseRdata } from '@zonewright/common/rr/rdata';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { createMetrics } from '@zonewright/common/service/metrics';
import { Zone } from '@zonewright/common/zone/zone';
import type { AcmeClient } from '@zonewright/letsencrypt/acme';
import { Budget, GRANTS, type Grant, type OrderSubject } from '@zonewright/letsencrypt/budget';
import { type Certificate, parseCertificate } from '@zonewright/letsencrypt/certificate';
import { makeCsr } from '@zonewright/letsencrypt/csr';
import { DnsClient } from '@zonewright/letsencrypt/dns';
import { Issuer } from '@zonewright/letsencrypt/issuer';
import { makeKey } from '@zonewright/letsencrypt/key';
import { limitedDomains } from '@zonewright/letsencrypt/limited';
import {
  begun,
  failed,
  issuedNow,
  type Memory,
  published,
  readMemory,
  seen,
  superseded,
  writeMemory,
} from '@zonewright/letsencrypt/memory';
import { METRICS } from '@zonewright/letsencrypt/metrics';
import { placeOf } from '@zonewright/letsencrypt/place';
import type { Found, Posting } from '@zonewright/letsencrypt/posting';
import { application, publication } from '@zonewright/letsencrypt/publish';
import { dueAt } from '@zonewright/letsencrypt/renewal';
import { findPostings } from '@zonewright/letsencrypt/search';
import { Servers } from '@zonewright/letsencrypt/servers';
import { readJson, State } from '@zonewright/letsencrypt/state';
import { Suggestions } from '@zonewright/letsencrypt/suggestions';
import { certificateRdata, chainRdata, csrRdata, readTlsaSet } from '@zonewright/letsencrypt/tlsa';
import { againAt, judge, type Rules, type Verdict } from '@zonewright/letsencrypt/watch';
import { selfSigned } from '@zonewright/letsencrypt/x509';
import test, { type ExecutionContext } from 'ava';
import { until } from '../support/until.ts';

type Answered<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: { what: string } };

const must = <T>(result: Answered<T>): T => {
  if (!result.ok) throw new Error(result.fault.what);
  return result.value;
};

const name = (text: string): Name => must(Name.parse(text));
const tokens = (text: string) => text.split(' ').map((word) => ({ text: word, isQuoted: false }));
const record = (owner: string, type: keyof typeof TYPE, data: string): ResourceRecord => ({
  name: name(owner),
  type: TYPE[type],
  class: CLASS.IN,
  ttl: 60,
  rdata: must(parseRdata(TYPE[type], tokens(data), Name.root)),
});
const tlsa = (owner: string, rdata: Uint8Array): ResourceRecord => ({
  name: name(owner),
  type: TYPE.TLSA,
  class: CLASS.IN,
  ttl: 3600,
  rdata,
});

const APEX = 'example.test';
const OWNER = '_letsencrypt._tcp.www.example.test';
const rules: Rules = { zone: name(APEX), names: 'zone', isAnyKey: false };
const zoneWith = (...records: ResourceRecord[]): Zone => {
  const soa = record(APEX, 'SOA', `ns.${APEX}. root.${APEX}. 1 1 1 1 1`);
  return Zone.fromRecords(name(APEX), [soa, ...records])!;
};

const DAY = 86_400_000;
const NOW = Date.parse('2030-06-01T00:00:00Z');
const noDice = () => 0;

const newKey = async (): Promise<KeyObject> => must(await makeKey('p256'));
const csrFor = async (key: KeyObject, ...hosts: string[]): Promise<Uint8Array> => must(await makeCsr({ hosts, key }));
/** A certificate that began `age` days ago and lasts `days` in all. */
const certificateFor = async (key: KeyObject, age: number, days: number, ...hosts: string[]): Promise<Certificate> => {
  const der = await selfSigned({ key, hosts, addresses: [], notBefore: new Date(NOW - age * DAY), days });
  return must(parseCertificate(der));
};

const foundIn = (...rdatas: Uint8Array[]): Found => {
  const found = findPostings(zoneWith(...rdatas.map((rdata) => tlsa(OWNER, rdata))));
  if (found.length !== 1) throw new Error(`${found.length} names`);
  return found[0]!;
};

const HOST = 'www.example.test';
const key = await newKey();
const csr = csrRdata(await csrFor(key, HOST));

/** What is remembered of a service that has issued and published the certificate. */
const remembering = (found: Found, certificate: Certificate): Memory => {
  if (!found.posting.ok) throw new Error(found.posting.fault.what);
  return { ...issuedNow(begun(undefined, found.posting.value), { certificate, chain: [] }), isBusy: false };
};

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const pairOf = async (of: KeyObject): Promise<webcrypto.CryptoKeyPair> => ({
  privateKey: await webcrypto.subtle.importKey('pkcs8', of.export({ format: 'der', type: 'pkcs8' }), EC, true, [
    'sign',
  ]),
  publicKey: await webcrypto.subtle.importKey(
    'spki',
    createPublicKey(of).export({ format: 'der', type: 'spki' }),
    EC,
    true,
    ['verify'],
  ),
});
/** A certificate that `by` has signed, for a subject or for a host. */
const signedFor = async (
  of: KeyObject,
  by: KeyObject,
  issuer: string,
  subject: string,
  age: number,
  days: number,
  isNamed = false,
) => {
  const made = await X509CertificateGenerator.create({
    subject: `CN=${subject}`,
    issuer: `CN=${issuer}`,
    notBefore: new Date(NOW - age * DAY),
    notAfter: new Date(NOW + (days - age) * DAY),
    publicKey: (await pairOf(of)).publicKey,
    signingKey: (await pairOf(by)).privateKey,
    signingAlgorithm: EC,
    extensions: [
      new SubjectAlternativeNameExtension([{ type: 'dns', value: HOST }]),
      ...(isNamed ? [await AuthorityKeyIdentifierExtension.create((await pairOf(by)).publicKey)] : []),
    ],
  });
  return must(parseCertificate(new Uint8Array(made.rawData)));
};

const kindOf = (verdict: Verdict): string => verdict.kind;
const orderOf = (verdict: Verdict): Extract<Verdict, { kind: 'order' }> => {
  if (verdict.kind !== 'order') throw new Error(`not to be ordered: ${verdict.kind}`);
  return verdict;
};

test('requests are found by their names, in any case, anywhere in the zone', (t) => {
  const zone = zoneWith(
    tlsa('_LetsEncrypt._TCP.Www.example.test', csr),
    tlsa('_letsencrypt._tcp.example.test', csr),
    tlsa('_443._tcp.www.example.test', csr),
    tlsa('_letsencrypt._udp.www.example.test', csr),
    tlsa('x._letsencrypt._tcp.www.example.test', csr),
    tlsa('my_letsencrypt._tcp.www.example.test', csr),
    tlsa('_letsencrypt._tcp.nothing.example.test', Uint8Array.of(3, 1, 1, 7)),
  );
  const names = findPostings(zone).map((found) => found.name.toLowerCase().toString());
  t.deepEqual(names.sort(), ['_letsencrypt._tcp.example.test.', '_letsencrypt._tcp.www.example.test.']);
});

test('one CSR without a certificate is ordered', (t) => {
  t.is(orderOf(judge(foundIn(csr), undefined, rules, NOW)).why, 'new');
});

test('several CSRs, a broken CSR, and names of others are said and left alone', async (t) => {
  const other = csrRdata(await csrFor(await newKey(), HOST));
  const broken = csr.slice();
  broken[broken.length - 1]! ^= 1;
  const foreign = csrRdata(await csrFor(key, HOST, 'www.example.org'));
  const near = csrRdata(await csrFor(key, HOST, 'notexample.test'));
  const own = foundIn(csrRdata(await csrFor(must(await makeKey('ed25519')), HOST)));
  t.is(kindOf(judge(own, undefined, { ...rules, isAnyKey: true }, NOW)), 'order');
  for (const [kind, found] of [
    ['several', foundIn(csr, other)],
    ['csr', foundIn(broken)],
    ['csr', own],
    ['host', foundIn(foreign)],
    ['host', foundIn(near)],
  ] as const) {
    const verdict = judge(found, undefined, rules, NOW);
    t.is(verdict.kind === 'unclear' ? verdict.fault.kind : verdict.kind, kind);
  }
});

test('with names of the host only, a request has no name outside of the host that it is posted for', async (t) => {
  const strict: Rules = { ...rules, names: 'host' };
  const judged = async (with_: Rules, ...hosts: string[]): Promise<Verdict> =>
    judge(foundIn(csrRdata(await csrFor(key, ...hosts))), undefined, with_, NOW);
  for (const hosts of [[HOST], [`*.${HOST}`], [HOST, `deep.below.${HOST}`, `*.below.${HOST}`]])
    t.is(kindOf(await judged(strict, ...hosts)), 'order', hosts.join(' '));
  for (const outside of [APEX, `*.${APEX}`, `mail.${APEX}`, `x${HOST}`]) {
    const verdict = await judged(strict, HOST, outside);
    if (verdict.kind !== 'unclear') throw new Error(verdict.kind);
    t.is(verdict.fault.kind, 'host');
    t.true(verdict.fault.what.includes(`${outside}, which is not at or below www.example.test.`), verdict.fault.what);
    t.is(kindOf(await judged(rules, HOST, outside)), 'order', outside);
  }
});

test('a certificate is due a little after two thirds of its life, each at an instant of its own', async (t) => {
  const instants = new Set<number>();
  for (const days of [90, 45, 6, 6, 6, 0.01]) {
    const certificate = await certificateFor(key, 0, days, HOST);
    const { notBefore, notAfter } = certificate;
    const due = dueAt(certificate);
    const part = (due - notBefore) / (notAfter - notBefore);
    t.true(part > 0.66 && part < 0.72, `${part}`);
    instants.add(part);
    t.is(dueAt({ ...certificate }), due);
    const found = foundIn(csr, certificateRdata(certificate.der));
    const before = judge(found, undefined, rules, due - 1);
    t.is(kindOf(before), 'current');
    t.is(againAt(before), due);
    t.is(orderOf(judge(found, remembering(found, certificate), rules, due)).why, 'due');
  }
  t.true(instants.size > 4);
});

test('the CA says when a certificate is renewed, between its first third and five sixths of its life', async (t) => {
  const certificate = await certificateFor(key, 0, 90, HOST);
  const found = foundIn(csr, certificateRdata(certificate.der));
  const at = (days: number) => ({ ...rules, suggested: () => NOW + days * DAY });
  t.is(kindOf(judge(found, undefined, at(10), NOW + 10 * DAY - 1)), 'current');
  t.is(orderOf(judge(found, remembering(found, certificate), at(10), NOW + 10 * DAY)).why, 'due');
  t.is(againAt(judge(found, undefined, at(70), NOW)), NOW + 70 * DAY);
  t.is(againAt(judge(found, undefined, at(89), NOW)), NOW + 75 * DAY);
  // A CA that wants it back at once waits for a day, or each certificate would be followed by the next.
  t.is(againAt(judge(found, undefined, at(-5), NOW)), NOW + DAY);
  const short = await certificateFor(key, 0, 0.1, HOST);
  t.is(dueAt(short, NOW - DAY), NOW + (0.1 * DAY) / 3);
});

test('a renewal follows what was issued: what is remembered, or signed by an authority beside it, and not over for a month', async (t) => {
  const authority = await newKey();
  const root = await signedFor(authority, await newKey(), 'Root', 'Authority', 100, 900);
  const own = await signedFor(key, key, 'Root', 'Authority', 100, 900);
  const whyOf = (certificate: Certificate, chain: Certificate[], memory?: Certificate, now = NOW): string => {
    const found = foundIn(csr, certificateRdata(certificate.der), ...chain.map(({ der }) => chainRdata(der)));
    const asked: boolean[] = [];
    const counting: Rules = { ...rules, ration: (_, isRenewal) => void asked.push(isRenewal) };
    const { why } = orderOf(judge(found, memory && remembering(found, memory), counting, now));
    t.deepEqual(asked, [why === 'due']);
    return why;
  };
  const issued = await signedFor(key, authority, 'Authority', HOST, 80, 90);
  t.is(whyOf(issued, [root]), 'due');
  t.is(whyOf(issued, []), 'changed');
  t.is(whyOf(issued, [], issued), 'due');
  t.is(whyOf(issued, [root], issued, NOW + 39 * DAY), 'due');
  t.is(whyOf(issued, [root], issued, NOW + 41 * DAY), 'changed');
  // What posters can make with their own key, or find anywhere, is none.
  t.is(whyOf(await certificateFor(key, 80, 90, HOST), [root]), 'changed');
  t.is(whyOf(await certificateFor(key, 800, 90, HOST), []), 'changed');
  t.is(whyOf(await signedFor(key, key, 'Authority', HOST, 80, 90), [own]), 'changed');
  t.is(whyOf(await signedFor(key, key, 'Authority', HOST, 80, 90), [root]), 'changed');
  // Where something is remembered, so is who has signed it.
  t.is(whyOf(await signedFor(key, authority, 'Authority', HOST, 79, 90), [root], issued), 'changed');
});

test('a suggestion of the CA is drawn once for a window, and asked for as often as the CA wants', async (t) => {
  const certificate = { ...(await certificateFor(key, 0, 90, HOST)), authorityKeyId: Uint8Array.of(1) };
  const { signal } = new AbortController();
  let info = { start: NOW + DAY, end: NOW + 3 * DAY, askAgain: 3600 };
  let isKnown = true;
  let asked = 0;
  const acme: Pick<AcmeClient, 'renewalInfo'> = {
    renewalInfo: async () => {
      asked++;
      return { ok: true, value: isKnown ? info : undefined };
    },
  };
  const dice = [0.5, 0.25];
  const kept = new State(SILENT_LOG).table('renewal', readJson);
  const suggestions = new Suggestions(acme, kept, SILENT_LOG, () => dice.shift()!);
  t.is(suggestions.of(certificate), undefined);
  t.deepEqual(await suggestions.ask([certificate], NOW, signal), { hasAsked: true, next: NOW + 3_600_000 });
  t.is(suggestions.of(certificate), NOW + 2 * DAY);
  t.deepEqual(await suggestions.ask([certificate], NOW + 1, signal), { hasAsked: false, next: NOW + 3_600_000 });
  await suggestions.ask([certificate], NOW + 3_600_000, signal);
  t.is(suggestions.of(certificate), NOW + 2 * DAY);
  info = { ...info, start: NOW - DAY, end: NOW + DAY };
  await suggestions.ask([certificate], NOW + 7_200_000, signal);
  t.is(suggestions.of(certificate), NOW - DAY / 2);
  t.is(asked, 3);
  // After a restart it is neither drawn again, nor is the CA asked before its time, also while no zone is there yet.
  const after = new Suggestions(acme, kept, SILENT_LOG, () => 0);
  await after.ask([], NOW + 7_200_001, signal);
  t.is(after.of(certificate), NOW - DAY / 2);
  t.deepEqual(await after.ask([certificate], NOW + 7_200_002, signal), { hasAsked: false, next: NOW + 10_800_000 });
  await after.ask([certificate], NOW + 10_800_000, signal);
  t.is(after.of(certificate), NOW - DAY / 2);
  await after.ask([], NOW + 3 * DAY, signal);
  t.is(after.of(certificate), undefined);
  t.deepEqual([...kept.entries()], []);
  isKnown = false;
  t.is((await suggestions.ask([certificate], NOW + DAY, signal)).next, NOW + 2 * DAY);
  t.is(suggestions.of(certificate), undefined);
  t.deepEqual(await suggestions.ask([], NOW, signal), { hasAsked: false, next: NOW + DAY });
});

test('the CA is asked about sixty certificates in a minute at most, and about the others in the next ones', async (t) => {
  const certificate = await certificateFor(key, 0, 90, HOST);
  const certificates = Array.from({ length: 130 }, (_, i) => ({
    ...certificate,
    authorityKeyId: Uint8Array.of(1),
    serialNumber: Uint8Array.of(1, i),
  }));
  const asked: Certificate[] = [];
  const acme = {
    renewalInfo: async (one: Certificate) => {
      asked.push(one);
      return { ok: true as const, value: undefined };
    },
  };
  const suggestions = new Suggestions(acme, new State(SILENT_LOG).table('renewal', readJson), SILENT_LOG, () => 0);
  const { signal } = new AbortController();
  t.deepEqual(await suggestions.ask(certificates, NOW, signal), { hasAsked: true, next: NOW + 60_000 });
  t.deepEqual(await suggestions.ask(certificates, NOW + 59_999, signal), { hasAsked: false, next: NOW + 60_000 });
  t.is(asked.length, 60);
  await suggestions.ask(certificates, NOW + 60_000, signal);
  t.is(asked.length, 120);
  await suggestions.ask(certificates, NOW + 120_000, signal);
  t.is(new Set(asked).size, 130);
});

test('a certificate for another key or other names is no answer, and one that begins soon is', async (t) => {
  const otherKey = await certificateFor(await newKey(), 1, 90, HOST);
  const otherNames = await certificateFor(key, 1, 90, HOST, 'mail.example.test');
  for (const certificate of [otherKey, otherNames]) {
    const verdict = judge(foundIn(csr, certificateRdata(certificate.der)), undefined, rules, NOW);
    t.is(orderOf(verdict).why, 'changed');
  }
  const garbage = foundIn(csr, certificateRdata(Uint8Array.of(1, 2, 3)));
  t.is(kindOf(judge(garbage, undefined, rules, NOW)), 'order');
  // The clock of the CA is ahead of ours.
  const soon = await certificateFor(key, -0.01, 90, HOST);
  t.is(kindOf(judge(foundIn(csr, certificateRdata(soon.der)), undefined, rules, NOW)), 'current');
});

test('leftover certificates are taken out, and the records of others stay', async (t) => {
  const old = await certificateFor(key, 30, 90, HOST);
  const latest = await certificateFor(key, 1, 90, HOST);
  const stranger = await certificateFor(await newKey(), 1, 90, 'ca.example');
  const theirs = Uint8Array.of(3, 1, 1, 9);
  const rdatas = [
    csr,
    certificateRdata(old.der),
    certificateRdata(latest.der),
    certificateRdata(Uint8Array.of(5)),
    chainRdata(stranger.der),
    theirs,
  ];
  const verdict = judge(foundIn(...rdatas), undefined, rules, NOW);
  if (verdict.kind !== 'publish') throw new Error(verdict.kind);
  const change = publication(readTlsaSet(rdatas), verdict.issued);
  t.deepEqual(change.removed, [
    certificateRdata(old.der),
    certificateRdata(Uint8Array.of(5)),
    chainRdata(stranger.der),
  ]);
  t.deepEqual(change.added, []);
});

test('an application replaces other requests and certificates, and nothing else', async (t) => {
  const other = csrRdata(await csrFor(await newKey(), HOST));
  const old = certificateRdata((await certificateFor(key, 1, 90, HOST)).der);
  const theirs = Uint8Array.of(3, 1, 1, 9);
  const change = application(readTlsaSet([other, old, theirs]), csr.subarray(3));
  t.deepEqual(change, { removed: [other, old], added: [csr] });
  t.deepEqual(application(readTlsaSet([csr, theirs]), csr.subarray(3)), { removed: [], added: [] });
});

test('nothing is done twice for a name, and a certificate that is not in the zone is published, not ordered again', async (t) => {
  const found = foundIn(csr);
  const { posting } = orderOf(judge(found, undefined, rules, NOW));
  const busy = begun(undefined, posting);
  t.is(kindOf(judge(found, busy, rules, NOW)), 'busy');
  const certificate = await certificateFor(key, 0, 90, HOST);
  const issued = failed(issuedNow(busy, { certificate, chain: [] }), { what: 'the update was refused' }, NOW, noDice);
  t.is(kindOf(judge(found, issued, rules, NOW)), 'waiting');
  t.is(kindOf(judge(found, issued, rules, issued.notBefore)), 'publish');
  // Once it is due itself there is nothing worth publishing.
  t.is(kindOf(judge(found, issued, rules, dueAt(certificate))), 'order');
});

test('what is published settles, and whoever takes it out again and again is met once a minute', async (t) => {
  const without = foundIn(csr);
  const certificate = await certificateFor(key, 0, 90, HOST);
  const shown = foundIn(csr, certificateRdata(certificate.der));
  const { posting } = orderOf(judge(without, undefined, rules, NOW));
  const memory = issuedNow(begun(undefined, posting), { certificate, chain: [] });
  const fresh = published(memory, NOW, true);
  t.is(kindOf(judge(without, fresh, rules, NOW + 1)), 'waiting');
  t.is(kindOf(judge(without, fresh, rules, NOW + 60_000)), 'publish');
  t.is(kindOf(judge(shown, fresh, rules, NOW + 1)), 'current');
  t.is(kindOf(judge(without, seen(fresh), rules, NOW + 2)), 'publish');
  const again = published(begun(seen(fresh), posting), NOW + 3, false);
  t.is(kindOf(judge(without, seen(again), rules, NOW + 4)), 'waiting');
});

test('after failures a name waits, from a minute up to a day, and as long as the CA says', (t) => {
  const found = foundIn(csr);
  const { posting } = orderOf(judge(found, undefined, rules, NOW));
  let memory: Memory = begun(undefined, posting);
  const waits: number[] = [];
  for (let i = 0; i < 15; i++) {
    memory = failed(begun(memory, posting), { what: 'no' }, NOW, noDice);
    waits.push(memory.notBefore - NOW);
  }
  t.is(waits[0], 60_000);
  t.is(waits[1], 120_000);
  t.deepEqual(
    [...waits].sort((a, b) => a - b),
    waits,
  );
  t.is(waits.at(-1), DAY / 2);
  t.is(failed(memory, { what: 'no' }, NOW, () => 0.999999999).notBefore - NOW, DAY);
  t.is(failed(begun(undefined, posting), { what: 'no', retryAfter: 7200 }, NOW, noDice).notBefore - NOW, 7_200_000);
  t.is(failed(begun(undefined, posting), { what: 'no', retryAfter: 1e9 }, NOW, noDice).notBefore - NOW, 7 * DAY);
});

test('a clock that was ahead for a moment holds nothing for longer than was to be waited, not over a restart either', (t) => {
  const found = foundIn(csr);
  const { posting } = orderOf(judge(found, undefined, rules, NOW));
  const ahead = NOW + 400 * DAY;
  const memory = failed(begun(undefined, posting), { what: 'no', isOutage: true }, ahead, noDice);
  for (const one of [memory, readMemory(writeMemory(memory))!, superseded(memory, ahead)]) {
    t.is(kindOf(judge(found, one, rules, ahead + 1)), 'waiting');
    t.is(kindOf(judge(found, one, rules, NOW)), 'order');
  }
  t.is(kindOf(judge(found, superseded(memory, NOW), rules, NOW + 1)), 'waiting');
  t.is(kindOf(judge(found, superseded(memory, NOW), rules, NOW + 5001)), 'order');
  const budget = budgetOf(GRANTS.own);
  budget.away(60_000, 'away', ahead);
  t.is(budget.rationOf(subject('a'), ahead + 1)?.until, ahead + 60_000);
  t.is(budget.rationOf(subject('a'), NOW), undefined);
});

test('a zone that changes does not end a back-off; another request does', async (t) => {
  const found = foundIn(csr);
  const { posting } = orderOf(judge(found, undefined, rules, NOW));
  const memory = failed(begun(undefined, posting), { what: 'no' }, NOW, noDice);
  const zone = zoneWith(tlsa(OWNER, csr), record(`_acme-challenge.${HOST}`, 'TXT', 'x'));
  t.is(kindOf(judge(findPostings(zone)[0]!, memory, rules, NOW + 1)), 'waiting');
  // The same key and names in another CSR are the same request.
  t.is(kindOf(judge(foundIn(csrRdata(await csrFor(key, HOST))), memory, rules, NOW + 1)), 'waiting');
  const changed = foundIn(csrRdata(await csrFor(key, HOST, 'mail.example.test')));
  t.is(kindOf(judge(changed, memory, rules, NOW + 1)), 'order');
  t.is(begun(memory, orderOf(judge(changed, memory, rules, NOW + 1)).posting).failures, 0);
});

test('a request that is gone by the time of publication is no failure', (t) => {
  const found = foundIn(csr);
  const { posting } = orderOf(judge(found, undefined, rules, NOW));
  const memory = superseded(begun(undefined, posting), NOW);
  t.is(memory.failures, 0);
  t.is(kindOf(judge(found, memory, rules, NOW + 1)), 'waiting');
});

test('a challenge is put where CNAMEs lead, into the deepest zone, and never outside of what the key covers', (t) => {
  const zones = new ZoneTable();
  zones.set(
    zoneWith(
      record('_acme-challenge.alias.example.test', 'CNAME', 'alias.sub.example.test.'),
      record('_acme-challenge.away.example.test', 'CNAME', 'away.example.org.'),
      record('_acme-challenge.loop.example.test', 'CNAME', '_acme-challenge.loop.example.test.'),
      record('sub.example.test', 'NS', 'ns.example.test.'),
      record('cut.example.test', 'NS', 'ns.example.test.'),
    ),
  );
  const sub = Zone.fromRecords(name('sub.example.test'), [
    record('sub.example.test', 'SOA', 'ns.example.test. root.example.test. 1 1 1 1 1'),
  ])!;
  zones.set(sub);
  const at = (host: string): string => {
    const place = placeOf(host, zones, rules);
    return place.ok ? `${place.value.name} in ${place.value.zone.origin}` : place.fault.kind;
  };
  t.is(at('www.example.test'), '_acme-challenge.www.example.test. in example.test.');
  t.is(at('*.www.example.test'), '_acme-challenge.www.example.test. in example.test.');
  t.is(at('a.sub.example.test'), '_acme-challenge.a.sub.example.test. in sub.example.test.');
  t.is(at('alias.example.test'), 'alias.sub.example.test. in sub.example.test.');
  for (const host of ['away.example.test', 'loop.example.test', 'a.cut.example.test', 'www.example.org']) {
    t.is(at(host), 'place');
  }
});

test('the servers of a zone are all its NS, and names that are in no zone here are resolved once', async (t) => {
  const zones = new ZoneTable();
  const zone = zoneWith(
    record(APEX, 'NS', 'ns.example.test.'),
    record(APEX, 'NS', 'ns.elsewhere.org.'),
    record(APEX, 'NS', 'nobody.elsewhere.org.'),
    record('ns.example.test', 'A', '192.0.2.1'),
    record('ns.example.test', 'AAAA', '2001:db8::1'),
  );
  zones.set(zone);
  const asked: string[] = [];
  const servers = new Servers(zones, 53, (host) => {
    asked.push(host);
    return Promise.resolve(host === 'ns.elsewhere.org.' ? ['192.0.2.9', '192.0.2.1', '2001:DB8:0::9'] : []);
  });
  for (let time = 0; time < 2; time++) {
    t.deepEqual(
      (await servers.of(zone)).map(({ address }) => address),
      ['192.0.2.1', '2001:db8::1', '192.0.2.9', '2001:db8::9'],
    );
  }
  t.deepEqual(asked.sort(), ['nobody.elsewhere.org.', 'ns.elsewhere.org.']);
});

const budgetOf = (grant: Grant): Budget => {
  const state = new State(SILENT_LOG);
  return new Budget(grant, state.table('order', readJson), state.table('hold', readJson));
};
const subject = (owner: string): OrderSubject => ({
  owner,
  group: owner,
  domains: ['example.test.'],
  isRenewal: false,
});

test('a request that is swapped again and again gets five orders in ten minutes, and then waits for the oldest', async (t) => {
  const requests = await Promise.all([0, 1].map(async () => foundIn(csrRdata(await csrFor(await newKey(), HOST)))));
  let memory: Memory | undefined;
  const budget = budgetOf(GRANTS.public);
  const begunAt: number[] = [];
  // A swap each 300 ms for half an hour; every order fails at once, or is published at once.
  for (let swap = 0; swap < 6000; swap++) {
    const now = NOW + swap * 300;
    const limited = { ...rules, ration: ({ name: owner }: Posting) => budget.rationOf(subject(owner.key), now) };
    const verdict = judge(requests[swap % 2]!, memory, limited, now);
    if (verdict.kind === 'waiting' && verdict.limit !== undefined) t.is(againAt(verdict), begunAt.at(-5)! + 600_000);
    if (verdict.kind !== 'order') continue;
    begunAt.push(now);
    budget.begin(subject(verdict.posting.name.key), now);
    const busy = begun(memory, verdict.posting);
    memory = swap % 3 === 0 ? published(busy, now, true) : failed(busy, { what: 'no' }, now, noDice);
  }
  t.is(begunAt.length, 15);
  t.deepEqual(
    begunAt.slice(0, 6).map((at) => at - NOW),
    [0, 300, 600, 900, 1200, 600_000],
  );
});

test('the service begins so many orders in an hour, whatever the names, and a clock that is set back does not stop it', (t) => {
  const budget = budgetOf({ service: 50 });
  const begunAt: number[] = [];
  for (let now = NOW; now < NOW + 3 * 3_600_000; now += 10_000) {
    const one = subject(`h${now}`);
    if (budget.rationOf(one, now) !== undefined) continue;
    budget.begin(one, now);
    begunAt.push(now);
  }
  t.is(begunAt.length, 120);
  for (const [index, at] of begunAt.slice(40).entries()) t.true(at - begunAt[index]! >= 3_600_000);
  const last = begunAt.at(-1)!;
  t.is(budget.rationOf(subject('new'), last)?.until, begunAt.at(-40)! + 3_600_000);
  t.is(budget.rationOf(subject('new'), NOW - DAY), undefined);
  // A part is for renewals alone.
  for (let i = 0; i < 10; i++) {
    const renewal = { ...subject(`r${i}`), isRenewal: true };
    t.is(budget.rationOf(renewal, last), undefined);
    budget.begin(renewal, last);
  }
  t.not(budget.rationOf({ ...subject('r'), isRenewal: true }, last), undefined);
});

test('a registered domain has so many new certificates in a week; renewals and what failed do not count', (t) => {
  const budget = budgetOf({ service: 1000, domain: 3 });
  const now = NOW;
  budget.fail(budget.begin(subject('failed'), now));
  budget.cancel(budget.begin(subject('cancelled'), now));
  budget.begin({ ...subject('renewed'), isRenewal: true }, now);
  for (const owner of ['a', 'b', 'c']) {
    t.is(budget.rationOf(subject(owner), now), undefined);
    budget.begin(subject(owner), now);
  }
  t.is(budget.rationOf(subject('d'), now)?.until, now + 7 * DAY);
  t.regex(budget.rationOf(subject('d'), now)!.what, /example\.test\./);
  t.is(budget.rationOf({ ...subject('d'), isRenewal: true }, now), undefined);
  t.is(budget.rationOf({ ...subject('d'), domains: ['example.org.'] }, now), undefined);
});

test('one who asks gets half of the new certificates of a domain at most, and the others the rest', (t) => {
  const budget = budgetOf({ service: 1000, domain: 6 });
  const of = (group: string, i: number): OrderSubject => ({ ...subject(`${group}${i}`), group });
  const failed = budget.begin(of('greedy', 0), NOW);
  budget.fail(failed);
  for (let i = 1; i <= 3; i++) {
    t.is(budget.rationOf(of('greedy', i), NOW), undefined);
    budget.begin(of('greedy', i), NOW);
  }
  t.is(budget.rationOf(of('greedy', 4), NOW)?.until, NOW + 7 * DAY);
  t.is(budget.rationOf({ ...of('greedy', 4), isRenewal: true }, NOW), undefined);
  t.is(budget.rationOf({ ...of('greedy', 4), domains: ['example.org.'] }, NOW), undefined);
  for (let i = 1; i <= 3; i++) {
    t.is(budget.rationOf(of('other', i), NOW), undefined);
    budget.begin(of('other', i), NOW);
  }
  t.regex(budget.rationOf(of('third', 1), NOW)!.what, /^6 new certificates/);
});

test('a CA that limits is not asked for that name before it wants to be, nor for a domain that it names; one that is away not at all', (t) => {
  const budget = budgetOf(GRANTS.own);
  const limit = (owner: string, said: readonly string[] | undefined, at = NOW): void =>
    budget.limited({ owner, domains: ['example.test.'], said, retryAfter: 7200 }, at);
  limit('a', undefined);
  limit('b', undefined);
  limit('a', []);
  t.is(budget.rationOf(subject('a'), NOW + 1)?.until, NOW + 7_200_000);
  t.is(budget.rationOf(subject('a'), NOW + 7_200_000), undefined);
  t.is(budget.rationOf({ ...subject('a'), isRenewal: true }, NOW + 1), undefined);
  t.is(budget.rationOf(subject('c'), NOW + 1), undefined);
  // Two names within an hour speak for their domain, not so far from each other.
  limit('c', [], NOW + 3_600_000);
  t.is(budget.rationOf(subject('d'), NOW + 3_600_001), undefined);
  limit('d', [], NOW + 3_700_000);
  t.is(budget.rationOf(subject('e'), NOW + 3_700_001)?.until, NOW + 10_900_000);
  const named = budgetOf(GRANTS.own);
  named.limited({ owner: 'a', domains: ['example.test.'], said: ['example.test.'], retryAfter: 60 }, NOW);
  t.is(named.rationOf(subject('b'), NOW + 1)?.until, NOW + 60_000);
  t.is(named.rationOf({ ...subject('b'), domains: ['example.org.'] }, NOW + 1), undefined);
  named.away(60_000, 'away', NOW);
  t.is(named.rationOf({ ...subject('a'), isRenewal: true }, NOW + 1)?.until, NOW + 60_000);
  named.back();
  t.is(named.rationOf({ ...subject('a'), isRenewal: true }, NOW + 1), undefined);
});

test('of what a CA says it limits, a domain counts only where it stands as such', (t) => {
  const domains = ['example.test.'];
  const of = (detail: string, host?: string) =>
    limitedDomains({ detail, subproblems: host === undefined ? [] : [{ type: 'x', detail: '', host }] }, domains);
  t.deepEqual(of('too many certificates (50) already issued for "example.test" in the last 168h0m0s'), domains);
  t.deepEqual(of('Too many certificates already issued for: Example.TEST.'), domains);
  t.deepEqual(of('too much', 'example.test'), domains);
  t.deepEqual(of('too many for www.example.test, notexample.test and example.test.org'), []);
  t.deepEqual(limitedDomains(undefined, domains), []);
  const exact = 'too many certificates (5) already issued for this exact set of domains: example.test,www.example.test';
  t.is(of(exact), undefined);
  t.is(of('too many failed authorizations (5) for "example.test" in the last 1h0m0s'), undefined);
});

/** An issuer with this much of a CA, and no server to write to. */
const issuerWith = (t: ExecutionContext, acme: unknown): { readonly issuer: Issuer; readonly zones: ZoneTable } => {
  const scope = must(parseKey(`acme._update.${APEX}:SHA256:${Buffer.alloc(32).toString('base64')}`));
  const zones = new ZoneTable();
  const issuer = new Issuer({
    acme: acme as AcmeClient,
    dns: new DnsClient({ server: { address: '127.0.0.1', port: 1 }, key: scope }),
    zones,
    key: scope,
    port: 1,
    isAnyKey: false,
    names: 'zone',
    grant: GRANTS.own,
    orders: {},
    isStatusWritten: false,
    state: new State(SILENT_LOG),
    log: SILENT_LOG,
    metrics: createMetrics(METRICS),
    historyOf: () => undefined,
    refusal: async () => undefined,
    onPublished: () => undefined,
  });
  t.teardown(() => issuer.stop());
  return { issuer, zones };
};

test('the issuer asks the CA five times for a name whose request is swapped, and says why no more', async (t) => {
  let asked = 0;
  const account = (): Promise<unknown> => {
    asked++;
    return Promise.resolve({ ok: false, fault: { kind: 'rejected', what: 'no' } });
  };
  const { issuer, zones } = issuerWith(t, { account });
  const post = async (): Promise<void> => {
    const zone = zoneWith(tlsa(OWNER, csrRdata(await csrFor(await newKey(), HOST))));
    zones.set(zone);
    issuer.changed(name(APEX), zone);
  };
  for (let order = 1; order <= 5; order++) {
    await post();
    await until(() => asked === order, { what: `order ${order}` });
  }
  await post();
  await until(() => issuer.status()[0]?.limit, { what: 'the next request waits' });
  t.is(asked, 5);
  t.is(issuer.status()[0]!.state, 'waiting');
});

test('the issuer does not ask the CA about certificates that posters have signed themselves', async (t) => {
  const asked: Certificate[] = [];
  const { issuer, zones } = issuerWith(t, {
    renewalInfo: async (one: Certificate) => {
      asked.push(one);
      return { ok: true, value: undefined };
    },
  });
  const age = (NOW - Date.now()) / DAY + 1;
  const own = await signedFor(key, key, HOST, HOST, age, 90, true);
  const authority = await newKey();
  const signed = await signedFor(key, authority, 'Authority', HOST, age, 90, true);
  const root = await signedFor(authority, await newKey(), 'Root', 'Authority', age, 90);
  const zone = zoneWith(
    tlsa(`_letsencrypt._tcp.mail.${APEX}`, csr),
    tlsa(`_letsencrypt._tcp.mail.${APEX}`, certificateRdata(own.der)),
    tlsa(OWNER, csr),
    tlsa(OWNER, certificateRdata(signed.der)),
    tlsa(OWNER, chainRdata(root.der)),
  );
  zones.set(zone);
  issuer.changed(name(APEX), zone);
  await until(() => asked.length > 0, { what: 'the CA is asked' });
  t.deepEqual(
    issuer.status().map(({ state }) => state),
    ['current', 'current'],
  );
  t.deepEqual(
    asked.map(({ der }) => Buffer.from(der).toString('hex')),
    [Buffer.from(signed.der).toString('hex')],
  );
});
