/** Whether CAA records let a CA certify names: the climb, the properties and their parameters (RFC 8659, RFC 8657). */
import { ZoneTable } from '@zonewright/common/authority/zones';
import { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import { parseRdata } from '@zonewright/common/rr/rdata';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { Zone } from '@zonewright/common/zone/zone';
import { type CaaLookup, type CaaRecord, type CaaSubject, checkCaa, whyNot } from '@zonewright/letsencrypt/caa';
import { methodsOf } from '@zonewright/letsencrypt/proof';
import { isStanding, standingText } from '@zonewright/letsencrypt/standing';
import test from 'ava';
import fc from 'fast-check';

const SUBJECT: CaaSubject = { identities: ['ca.example'], account: 'https://ca.example/acct/1', methods: ['dns-01'] };

const caa = (...properties: string[]): readonly CaaRecord[] =>
  properties.map((property) => {
    const [, flag, tag = '', value = ''] = /^(!?)(\S+) (.*)$/.exec(property) ?? [];
    return { isCritical: flag === '!', tag, value };
  });

const must = <T>(result: { ok: true; value: T } | { ok: false; fault: { what: string } }): T => {
  if (!result.ok) throw new Error(result.fault.what);
  return result.value;
};
const name = (text: string): Name => must(Name.parse(text));
const record = (owner: string, type: keyof typeof TYPE, data: string): ResourceRecord => ({
  name: name(owner),
  type: TYPE[type],
  class: CLASS.IN,
  ttl: 60,
  rdata: must(
    parseRdata(
      TYPE[type],
      data.split(' ').map((word) => ({ text: word.replaceAll('"', ''), isQuoted: word.startsWith('"') })),
      Name.root,
    ),
  ),
});
const zonesOf = (apex: string, ...records: ResourceRecord[]): ZoneTable => {
  const zones = new ZoneTable();
  const soa = record(apex, 'SOA', `ns.${apex}. root.${apex}. 1 1 1 1 1`);
  zones.set(Zone.fromRecords(name(apex), [soa, ...records])!);
  return zones;
};

test('what CAA records allow', (t) => {
  const cases: readonly [records: readonly CaaRecord[], isAllowed: boolean, isWildcardAllowed: boolean][] = [
    [[], true, true],
    [caa('issue ca.example'), true, true],
    [caa('issue CA.Example'), true, true],
    [caa('issue other.example'), false, false],
    [caa('issue other.example', 'issue ca.example'), true, true],
    [caa('issue ;'), false, false],
    [caa('issue '), false, false],
    [caa('issue ca.example', 'issuewild other.example'), true, false],
    [caa('issue other.example', 'issuewild ca.example'), false, true],
    [caa('issuewild ;'), true, false],
    [caa('iodef mailto:a@b.example'), true, true],
    [caa('!future x', 'issue ca.example'), false, false],
    [caa('future x', 'issue ca.example'), true, true],
    [caa('!issue ca.example'), true, true],
    [caa('issue ca.example; accounturi=https://ca.example/acct/1'), true, true],
    [caa('issue ca.example; accounturi=https://ca.example/acct/2'), false, false],
    [caa('issue ca.example; validationmethods=http-01,dns-01'), true, true],
    [caa('issue ca.example; validationmethods=http-01'), false, false],
    [caa('issue ca.example; accounturi=https://ca.example/acct/1; validationmethods=http-01'), false, false],
    [caa('issue ca.example; ValidationMethods=dns-01; validationmethods=dns-01'), false, false],
    [caa('issue %%%'), false, false],
  ];
  for (const [records, isAllowed, isWildcardAllowed] of cases) {
    const text = JSON.stringify(records);
    t.is(whyNot(records, false, SUBJECT) === undefined, isAllowed, text);
    t.is(whyNot(records, true, SUBJECT) === undefined, isWildcardAllowed, `*. ${text}`);
  }
});

test('a record of dns-persist-01 is read as strictly as a CAA value', (t) => {
  const account = 'https://ca.example/acct/1';
  const wanted = { issuers: ['ca.example'], account, isWildcard: false };
  const ours = standingText(wanted);
  for (const [text, stands] of [
    [ours, true],
    [`CA.example;AccountURI = ${account} ; policy=wildcard;`, true],
    [`${ours}; persistUntil=2`, true],
    [`${ours}; persistUntil=1`, false],
    [`${ours}; accounturi=${account}`, false],
    [`${ours}; nothing`, false],
    [`other.example; accounturi=${account}`, false],
    ['ca.example', false],
    ['', false],
  ] as const)
    t.is(isStanding(text, wanted, 1000), stands, text);
  t.false(isStanding(ours, { ...wanted, isWildcard: true }, 1000));
  t.true(isStanding(standingText({ ...wanted, isWildcard: true }), { ...wanted, isWildcard: true }, 1000));
});

test('a way of validation that is left where the CA does not offer the preferred one is allowed, too', (t) => {
  const only = (methods: string) => caa(`issue ca.example; validationmethods=${methods}`);
  const allowed = (methods: string, preferred?: Parameters<typeof methodsOf>[0]): boolean =>
    whyNot(only(methods), false, { ...SUBJECT, methods: methodsOf(preferred) }) === undefined;
  t.true(allowed('dns-01', 'dns-persist-01'));
  t.true(allowed('dns-persist-01', 'dns-persist-01'));
  t.false(allowed('http-01', 'dns-persist-01'));
  t.false(allowed('dns-persist-01', 'dns-01'));
  t.false(allowed('dns-persist-01'));
});

test('a CA that does not say who it is is only held from where nobody is allowed', (t) => {
  const nameless = { ...SUBJECT, identities: [] };
  t.is(whyNot(caa('issue other.example'), false, nameless), undefined);
  t.regex(whyNot(caa('issue ;'), false, nameless)!, /no CA is allowed/);
});

test('the tree is climbed from each name, along CNAMEs, in our zones and then with the resolver', async (t) => {
  const zones = zonesOf(
    'sub.example.test',
    record('open.sub.example.test', 'CAA', '0 issue "ca.example"'),
    record('shut.sub.example.test', 'CAA', '0 issue "other.example"'),
    record('alias.sub.example.test', 'CNAME', 'shut.sub.example.test.'),
    record('away.sub.example.test', 'CNAME', 'elsewhere.example.'),
    record('loop.sub.example.test', 'CNAME', 'loop.sub.example.test.'),
    record('below.sub.example.test', 'NS', 'ns.elsewhere.example.'),
  );
  const asked: string[] = [];
  let parent = caa('issue other.example');
  const lookup: CaaLookup = async (host) => {
    asked.push(host);
    return host === 'example.test.' ? parent : [];
  };
  const checked = async (...hosts: string[]): Promise<string> => {
    const result = await checkCaa(hosts, SUBJECT, zones, lookup);
    return result.ok ? 'allowed' : result.fault.what;
  };
  t.is(await checked('www.open.sub.example.test', '*.open.sub.example.test'), 'allowed');
  t.deepEqual(asked, []);
  t.regex(
    await checked('open.sub.example.test', 'www.shut.sub.example.test'),
    /^CAA of shut\.sub\.example\.test\. for www\.shut/,
  );
  t.regex(await checked('alias.sub.example.test'), /ca\.example is not allowed/);
  t.regex(await checked('a.sub.example.test', 'b.sub.example.test'), /^CAA of example\.test\. for a\./);
  t.deepEqual(asked, ['example.test.']);
  await checked('www.below.sub.example.test', 'away.sub.example.test');
  t.true(asked.includes('www.below.sub.example.test.') && asked.includes('elsewhere.example.'));
  t.false(asked.includes('test.'), 'top level domains are for the CA to ask');
  t.is(await checked('loop.sub.example.test'), 'allowed', 'what cannot be found out is left to the CA');
  parent = caa('issue ca.example');
  t.is(await checked('a.sub.example.test'), 'allowed');
});

test('whatever stands in CAA records, they are judged', (t) => {
  const property = fc.record({
    isCritical: fc.boolean(),
    tag: fc.oneof(fc.constantFrom('issue', 'issuewild', 'iodef'), fc.string()),
    value: fc.oneof(
      fc.string(),
      fc.string().map((text) => `ca.example;${text}`),
    ),
  });
  fc.assert(
    fc.property(fc.array(property), fc.boolean(), (records, isWildcard) => {
      const why = whyNot(records, isWildcard, SUBJECT);
      t.true(why === undefined || typeof why === 'string');
    }),
  );
});
