/**
 * Orders against a CA that does what pebble cannot (`acme-server.ts`), with the challenges put into a table in place of a primary:
 * so what is asked of the CA and what stands in the zone can be looked at between any two steps.
 */
import 'reflect-metadata';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { txtText } from '@zonewright/common/rr/txt';
import { TYPE } from '@zonewright/common/rr/type';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { Zone } from '@zonewright/common/zone/zone';
import { accountKeyFromSeed } from '@zonewright/letsencrypt/account';
import { createAcmeClient } from '@zonewright/letsencrypt/acme';
import { certificateId } from '@zonewright/letsencrypt/acme-renewal';
import { type Certificate, parseCertificate } from '@zonewright/letsencrypt/certificate';
import { put } from '@zonewright/letsencrypt/challenge';
import { makeCsr, parseCsr } from '@zonewright/letsencrypt/csr';
import { failureOf, standstillOf } from '@zonewright/letsencrypt/fulfilment';
import { makeKey } from '@zonewright/letsencrypt/key';
import { Leftovers, markOf } from '@zonewright/letsencrypt/leftover';
import { begun, failed, ordered, readMemory, writeMemory } from '@zonewright/letsencrypt/memory';
import { type OrderContext, type OrderRequest, obtain } from '@zonewright/letsencrypt/order';
import { Servers } from '@zonewright/letsencrypt/servers';
import { readJson, State } from '@zonewright/letsencrypt/state';
import { Suggestions } from '@zonewright/letsencrypt/suggestions';
import test from 'ava';
import { type AcmeServer, type AcmeServerOptions, problem, startAcmeServer } from '../support/acme-server.ts';
import { FakeDns } from '../support/fake-dns.ts';
import type { Owner } from '../support/owner.ts';
import { given, nameOf, recordsFrom } from '../support/records.ts';
import { until } from '../support/until.ts';

const ORIGIN = 'orders.test';
const zone = zoneOf('@ 3600 NS ns', `ns 3600 A 127.0.0.1`, '_acme-challenge.shop 60 CNAME shop.challenges');

function zoneOf(...lines: readonly string[]): Zone {
  const origin = nameOf(`${ORIGIN}.`);
  return Zone.fromRecords(origin, recordsFrom(['@ 3600 SOA ns hostmaster 1 1 1 1 1', ...lines].join('\n'), origin))!;
}

const textsIn =
  (dns: FakeDns) =>
  async (name: string): Promise<readonly string[]> =>
    given(await dns.lookup(nameOf(`${name}.`), TYPE.TXT))
      .map(txtText)
      .sort();

interface World {
  readonly ca: AcmeServer;
  readonly dns: FakeDns;
  /** TXT records at a name. */
  texts(name: string): Promise<readonly string[]>;
  readonly leftovers: Leftovers;
  readonly context: OrderContext;
  /** Order URLs, in their order. */
  readonly begun: string[];
  order(
    hosts: readonly string[],
    more?: Partial<OrderContext>,
    request?: Partial<OrderRequest>,
  ): ReturnType<typeof obtain>;
}

const worldOf = async (owner: Owner, options: AcmeServerOptions = {}): Promise<World> => {
  const dns = new FakeDns();
  const texts = textsIn(dns);
  const ca = await startAcmeServer(owner, { lookup: texts, ...options });
  const accountKey = accountKeyFromSeed('a seed for tests');
  const poll = { least: 5, most: 50, total: 5000 };
  const acme = given(createAcmeClient({ directory: ca.directory, accountKey, termsAgreed: true, poll }));
  const zones = new ZoneTable();
  zones.set(zone);
  const leftovers = new Leftovers(dns, acme.thumbprint, SILENT_LOG);
  owner.teardown(async () => {
    acme.close();
    await leftovers.stop();
  });
  const begun: string[] = [];
  const context: OrderContext = {
    acme,
    dns,
    zones,
    scope: { zone: zone.origin },
    servers: new Servers(zones, dns.server.port),
    leftovers,
    log: SILENT_LOG,
    signal: new AbortController().signal,
    onAsk: () => undefined,
    onOrder: async (url) => void begun.push(url),
  };
  const order: World['order'] = async (hosts, more, request) => {
    const csr = given(parseCsr(given(await makeCsr({ hosts, key: given(await makeKey('p256')) }))));
    return obtain({ ...context, ...more }, { csr, ...request });
  };
  return { ca, dns, texts, leftovers, context, begun, order };
};

const faultOf = <F>(result: { ok: true } | { ok: false; fault: F }): F => {
  if (result.ok) throw new Error('this should not have worked');
  return result.fault;
};

/** A pair of promises: the CA has come to a request of this kind, and may go on. */
const hold = (ca: AcmeServer, kind: string): { readonly reached: Promise<void>; release(): void } => {
  let release = (): void => undefined;
  const released = new Promise<undefined>((resolve) => {
    release = () => resolve(undefined);
  });
  const reached = new Promise<void>((resolve) => {
    ca.intercept = ({ path }) => {
      if (!path.startsWith(kind)) return undefined;
      resolve();
      return released;
    };
  });
  return { reached, release };
};

test('a name and its wildcard have their values side by side, each with its mark, and all go', async (t) => {
  const { ca, context, order, texts } = await worldOf(t);
  const host = `www.${ORIGIN}`;
  const held = hold(ca, 'challenge/0');
  const obtained = order([host, `*.${host}`]);
  await held.reached;
  const there = await texts(`_acme-challenge.${host}`);
  t.is(there.length, 4);
  const digests = there.filter((text) => !text.startsWith('zonewright='));
  t.deepEqual(there, [...digests, ...digests.map((digest) => markOf(digest, context.acme.thumbprint))].sort());
  held.release();
  const { certificate, chain } = given(await obtained);
  t.deepEqual([...certificate.hosts].sort(), [`*.${host}`, host]);
  t.is(chain.length, 1);
  t.deepEqual(await texts(`_acme-challenge.${host}`), []);
});

test('what an order put is taken away when it fails and when it is given up', async (t) => {
  const { ca, order, texts } = await worldOf(t, { lookup: async () => [] });
  const host = `shop.${ORIGIN}`;
  t.is(faultOf(await order([host])).kind, 'unauthorized');
  t.deepEqual(await texts(`shop.challenges.${ORIGIN}`), []);
  const controller = new AbortController();
  const held = hold(ca, 'challenge');
  const obtained = order([host], { signal: controller.signal });
  await held.reached;
  t.is((await texts(`shop.challenges.${ORIGIN}`)).length, 2);
  controller.abort();
  t.is(faultOf(await obtained).kind, 'aborted');
  t.deepEqual(await texts(`shop.challenges.${ORIGIN}`), []);
});

test('what a crash has left is found by its mark, and the values of others stay', async (t) => {
  const { context, leftovers, dns, texts } = await worldOf(t);
  const name = nameOf(`_acme-challenge.left.${ORIGIN}.`);
  const place = { name, zone };
  const [ours, foreign, underWay] = ['o', 'f', 'u'].map((letter) => letter.repeat(43));
  const { thumbprint } = context.acme;
  const foreignMark = markOf(foreign!, 'another account');
  const held = [underWay!, markOf(underWay!, thumbprint)];
  const stay = [foreign!, foreignMark, 'v=spf1 -all', ...held].sort();
  const all = [...stay, ours!, markOf(ours!, thumbprint)];
  given(
    await put(
      dns,
      all.map((text) => ({ place, text })),
    ),
  );
  const soa = recordsFrom('@ 3600 SOA ns hostmaster 2 1 1 1 1', zone.origin);
  const rdatas = given(await dns.lookup(name, TYPE.TXT));
  const copy = Zone.fromRecords(zone.origin, [
    ...soa,
    ...rdatas.map((rdata) => ({ name, type: TYPE.TXT, class: 1, ttl: 60, rdata })),
  ])!;
  await leftovers.hold(held.map((text) => ({ place, text })));
  leftovers.search(copy);
  await until(() => texts(`_acme-challenge.left.${ORIGIN}`), {
    what: 'ours are gone',
    holds: (seen) => seen.length === stay.length,
  });
  t.deepEqual(await texts(`_acme-challenge.left.${ORIGIN}`), stay);
});

test('a service that is killed at any request to the CA leaves nothing for good, and its order is taken up', async (t) => {
  const kinds = ['newAccount', 'newOrder', 'authz', 'challenge', 'finalize', 'cert'];
  await Promise.all(
    kinds.map(async (step) => {
      const { ca, dns, texts, begun, context } = await worldOf(t);
      const host = `killed.${ORIGIN}`;
      const csr = given(parseCsr(given(await makeCsr({ hosts: [host], key: given(await makeKey('p256')) }))));
      const controller = new AbortController();
      const held = hold(ca, step);
      const before = obtain({ ...context, signal: controller.signal }, { csr });
      await held.reached;
      // From now on it does nothing any more: what it would take away stays.
      dns.isCut = true;
      controller.abort();
      await before;
      dns.isCut = false;
      ca.intercept = undefined;
      const name = nameOf(`_acme-challenge.${host}.`);
      const rdatas = given(await dns.lookup(name, TYPE.TXT));
      t.is(rdatas.length, step === 'challenge' ? 2 : 0, step);

      const leftovers = new Leftovers(dns, context.acme.thumbprint, SILENT_LOG);
      leftovers.search(zoneOf(...rdatas.map((rdata) => `_acme-challenge.killed 60 TXT "${txtText(rdata)}"`)));
      given(await obtain({ ...context, leftovers }, { csr, begun: begun.at(-1) }));
      t.deepEqual(await texts(`_acme-challenge.${host}`), [], step);
      t.is(begun.length, 1, step);
    }),
  );
});

test('an order that was begun is taken up where it stands, and another is begun where nothing comes of it', async (t) => {
  const { ca, begun, order, context } = await worldOf(t);
  const csr = given(parseCsr(given(await makeCsr({ hosts: [`up.${ORIGIN}`], key: given(await makeKey('p256')) }))));
  for (const step of ['authz', 'challenge', 'finalize', 'cert']) {
    const controller = new AbortController();
    const held = hold(ca, step);
    const before = obtain({ ...context, signal: controller.signal }, { csr });
    await held.reached;
    controller.abort();
    t.is(faultOf(await before).kind, 'aborted', step);
    ca.intercept = undefined;
    const count = begun.length;
    given(await obtain(context, { csr, begun: begun.at(-1) }));
    t.is(begun.length, count, step);
  }
  // The order of another request, and one that the CA does not know.
  for (const url of [begun[0], `${ca.directory}/nothing`]) {
    const count = begun.length;
    given(await order([`other.${ORIGIN}`], {}, { begun: url }));
    t.is(begun.length, count + 1);
  }
  // While the CA is away nothing is known of the order, and none is begun.
  ca.intercept = () => problem(503, 'serverInternal', 'asleep', 120);
  const count = begun.length;
  const fault = faultOf(await obtain(context, { csr, begun: begun[0] }));
  t.is(fault.kind, 'server');
  t.is('retryAfter' in fault ? fault.retryAfter : undefined, 120);
  t.is(begun.length, count);
});

test('an order that the CA never decides on is waited for three times, and then another is begun', async (t) => {
  const { ca, begun: urls, context } = await worldOf(t);
  const poll = { least: 1, most: 5, total: 20 };
  const accountKey = accountKeyFromSeed('a seed for tests');
  const acme = given(createAcmeClient({ directory: ca.directory, accountKey, termsAgreed: true, poll }));
  t.teardown(() => acme.close());
  const csr = given(parseCsr(given(await makeCsr({ hosts: [`stuck.${ORIGIN}`], key: given(await makeKey('p256')) }))));
  let memory = begun(undefined, { id: 'a request' });
  const onOrder = async (url: string): Promise<void> => {
    urls.push(url);
    memory = ordered(memory, url);
  };
  ca.intercept = ({ path }) => {
    const id = /^(?:finalize|order)\/(\d+)/.exec(path)?.[1];
    if (id !== '0' || !ca.requests.some((request) => request.path.startsWith('challenge'))) return undefined;
    const identifiers = csr.hosts.map((value) => ({ type: 'dns', value }));
    return { status: 200, body: { status: 'processing', identifiers, authorizations: [], finalize: ca.directory } };
  };
  for (let wait = 1; wait <= 3; wait++) {
    const fault = faultOf(await obtain({ ...context, acme, onOrder }, { csr, begun: memory.order }));
    t.is(fault.kind, 'timeout');
    t.is(urls.length, 1);
    memory = readMemory(writeMemory(failed(memory, failureOf(fault), 0, () => 0)))!;
  }
  given(await obtain({ ...context, onOrder }, { csr, begun: memory.order }));
  t.is(urls.length, 2);
});

test('a profile and a chain are asked for, and a profile that the CA does not have is said', async (t) => {
  const { ca, order } = await worldOf(t, { profiles: ['classic', 'shortlived'], lifetime: 6 * 86_400_000 });
  const host = `www.${ORIGIN}`;
  const { certificate, chain } = given(await order([host], { profile: 'shortlived', preferredChain: 'Second Root' }));
  t.is(ca.orders().at(-1)!.profile, 'shortlived');
  t.is(certificate.notAfter - certificate.notBefore, 6 * 86_400_000);
  t.true(Buffer.from(chain[0]!.issuer).includes('Second Root'));
  t.true(Buffer.from(given(await order([host])).chain[0]!.issuer).includes('First Root'));
  const fault = faultOf(await order([host], { profile: 'long' }));
  t.regex(fault.what, /no profile "long"/);
  t.is(fault.hint, 'it has classic, shortlived');
  t.is(ca.orders().length, 2);
});

test('an order says which certificate it follows, where the CA knows of that, and follows none where that was replaced already', async (t) => {
  const follows = { authorityKeyId: Uint8Array.of(1), serialNumber: Uint8Array.of(2) } as unknown as Certificate;
  const plain = await worldOf(t);
  given(await plain.order([`www.${ORIGIN}`], {}, { follows }));
  t.false('replaces' in plain.ca.orders()[0]!);
  const now = new Date().toISOString();
  const { ca, order } = await worldOf(t, { window: () => ({ start: now, end: now }) });
  given(await order([`www.${ORIGIN}`], {}, { follows }));
  t.is(ca.orders().at(-1)!.replaces, certificateId(follows));
  ca.intercept = ({ path, payload }) =>
    path === 'newOrder' && 'replaces' in payload ? problem(409, 'alreadyReplaced', 'by another') : undefined;
  given(await order([`www.${ORIGIN}`], {}, { follows }));
  t.deepEqual(
    ca.orders().map((payload) => 'replaces' in payload),
    [true, true, false],
  );
});

test('a CA that grants no more says until when, and one that has lost the account is given it again', async (t) => {
  const { ca, order } = await worldOf(t);
  ca.intercept = ({ path }) => (path === 'newOrder' ? problem(429, 'rateLimited', 'too many', 7200) : undefined);
  const fault = faultOf(await order([`www.${ORIGIN}`]));
  t.is(fault.kind, 'rateLimited');
  t.is('retryAfter' in fault ? fault.retryAfter : undefined, 7200);
  let isKnown = false;
  ca.intercept = ({ path }) => {
    if (path === 'newAccount') isKnown = true;
    return path === 'newOrder' && !isKnown ? problem(400, 'accountDoesNotExist', 'who?') : undefined;
  };
  given(await order([`www.${ORIGIN}`]));
  t.is(ca.requests.filter(({ path }) => path === 'newAccount').length, 2);
});

test('a CA is given proofs for the names of the order only', async (t) => {
  const { ca, order, dns } = await worldOf(t, { isStandingOffered: true });
  const host = `mine.${ORIGIN}`;
  for (const [value, wildcard] of [
    [`other.${ORIGIN}`, false],
    [host, true],
  ] as const) {
    ca.intercept = ({ path }) => {
      if (!path.startsWith('authz')) return undefined;
      const url = ca.directory.replace('dir', 'standing/0');
      const challenge = { url, status: 'pending', token: 'abc', 'issuer-domain-names': ['ca.test'] };
      const challenges = ['dns-01', 'dns-persist-01'].map((type) => ({ type, ...challenge }));
      const identifier = { type: 'dns', value };
      return { status: 200, body: { status: 'pending', identifier, wildcard, challenges } };
    };
    for (const challenge of ['dns-01', 'dns-persist-01'] as const) {
      t.regex(faultOf(await order([host], { challenge })).what, /proofs for other names/);
    }
  }
  t.is(dns.updates, 0);
});

test('an account that would be one of another CA is none, and an answer without one is no account', async (t) => {
  const { ca, order, dns } = await worldOf(t, { isStandingOffered: true });
  const elsewhere = 'https://acme-v02.api.letsencrypt.org/acme/acct/1';
  for (const headers of [{ Location: elsewhere }, { Location: '/account/1' }, {}] as const) {
    for (const status of [200, 201]) {
      const before = ca.requests.length;
      ca.intercept = ({ path }) => (path === 'newAccount' ? { status, body: { status: 'valid' }, headers } : undefined);
      const fault = faultOf(await order([`www.${ORIGIN}`], { challenge: 'dns-persist-01' }));
      t.is(fault.kind, 'unexpected');
      t.regex(fault.what, /as our account/);
      t.is(ca.requests.length, before + 1);
    }
  }
  t.is(dns.updates, 0);
});

/** The CA knows no account until it is asked for one; the requests for a new one. */
const withoutAccount = (ca: AcmeServer): { readonly made: number; lose(): void } => {
  let made = 0;
  let isKnown = false;
  ca.intercept = ({ path, payload }) => {
    if (path !== 'newAccount') return isKnown ? undefined : problem(400, 'accountDoesNotExist', 'who?');
    if ('onlyReturnExisting' in payload) {
      return isKnown ? undefined : problem(400, 'accountDoesNotExist', 'nobody');
    }
    made++;
    isKnown = true;
    return undefined;
  };
  return {
    get made() {
      return made;
    },
    lose: () => {
      isKnown = false;
    },
  };
};

test('several orders at the same time have one account made, at the first start and when the CA has lost it', async (t) => {
  const { ca, order } = await worldOf(t);
  const accounts = withoutAccount(ca);
  const hosts = Array.from({ length: 6 }, (_, index) => `together${index}.${ORIGIN}`);
  for (const made of [1, 2]) {
    for (const issued of await Promise.all(hosts.map((host) => order([host])))) given(issued);
    t.is(accounts.made, made);
    accounts.lose();
  }
});

test('whatever a CA has against the account is no fault of the request, and holds everything', async (t) => {
  for (const [isKnown, type] of [
    [true, 'unauthorized'],
    [false, 'unauthorized'],
    [false, 'malformed'],
    [false, 'badPublicKey'],
  ] as const) {
    const { ca, order } = await worldOf(t);
    ca.intercept = ({ payload }) =>
      'onlyReturnExisting' in payload && !isKnown
        ? problem(400, 'accountDoesNotExist', 'nobody')
        : problem(403, type, 'not you');
    const fault = faultOf(await order([`www.${ORIGIN}`]));
    t.is(fault.kind, 'account', type);
    t.regex(fault.what, /not you/);
    t.regex(standstillOf(fault) ?? '', /does not take the account/);
    t.deepEqual([failureOf(fault).isOutage, failureOf(fault).isRefused], [true, false]);
    t.is(ca.orders().length, 0);
  }
});

test('one who waits for the account with others may give up, and they go on without', async (t) => {
  const { ca, context } = await worldOf(t);
  const held = hold(ca, 'newAccount');
  const controller = new AbortController();
  const first = context.acme.account({ signal: controller.signal });
  await held.reached;
  const second = context.acme.account();
  controller.abort();
  t.is(faultOf(await first).kind, 'aborted');
  held.release();
  t.regex(given(await second).url, /account/);
});

test('a record that stands is written once, also for the wildcard, and never for an account that is not ours', async (t) => {
  const { ca, order, dns, texts } = await worldOf(t, { isStandingOffered: true });
  const host = `standing.${ORIGIN}`;
  const standing = { challenge: 'dns-persist-01' } as const;
  const told = (): readonly string[] =>
    ca.requests.map(({ path }) => path.split('/')[0]!).filter((kind) => kind === 'standing' || kind === 'challenge');
  given(await order([host, `*.${host}`], standing));
  const account = ca.directory.replace('/dir', '/account/1');
  const record = `ca.test; accounturi=${account}; policy=wildcard`;
  t.deepEqual(await texts(`_validation-persist.${host}`), [record]);
  given(await order([host], standing));
  t.is(dns.updates, 1);
  t.deepEqual([...new Set(told())], ['standing']);

  ca.intercept = async ({ path }) => {
    const id = /^authz\/(\d+)/.exec(path)?.[1];
    if (id === undefined || told().includes('challenge')) return undefined;
    const urls = { url: account.replace('account/1', `standing/${id}`), accounturi: `${account}0` };
    const challenges = [{ type: 'dns-persist-01', status: 'pending', 'issuer-domain-names': ['ca.test'], ...urls }];
    return { status: 200, body: { status: 'pending', identifier: { type: 'dns', value: host }, challenges } };
  };
  t.regex(faultOf(await order([host], standing)).what, /offers no dns-01/);
  ca.intercept = undefined;
  given(await order([host]));
  t.is(told().at(-1), 'challenge');
  t.deepEqual(await texts(`_validation-persist.${host}`), [record]);
});

test('the CA is asked when it wants a certificate renewed, and the directory no more than once', async (t) => {
  const [start, end] = ['2031-01-01T00:00:00Z', '2031-01-03T00:00:00Z'];
  const { ca, context, order } = await worldOf(t, { window: () => ({ start: start!, end: end! }) });
  const { certificate } = given(await order([`www.${ORIGIN}`]));
  const again = given(parseCertificate(certificate.der));
  const suggestions = new Suggestions(
    context.acme,
    new State(SILENT_LOG).table('renewal', readJson),
    SILENT_LOG,
    () => 0.5,
  );
  const asked = await suggestions.ask([again], 0, context.signal);
  t.deepEqual(asked, { hasAsked: true, next: 21_600_000 });
  t.is(suggestions.of(again), Date.parse('2031-01-02T00:00:00Z'));
  t.is(ca.requests.at(-1)!.path, `renewalInfo/${certificateId(again)}`);
});
