/**
 * The parts of the ACME secondary that need no DNS code: requests, certificates, the TLSA protocol, the account key, and the
 * ACME client, against a CA that misbehaves (a small HTTP server) and against a real one (pebble).
 */
import 'reflect-metadata';
import { createPublicKey, generateKeyPairSync, type KeyObject, randomInt, webcrypto } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { startPebble as start } from '@zonewright/cli/pebble';
import { accountKey, accountKeyFromSeed } from '@zonewright/letsencrypt/account';
import { type AcmeClient, type AcmeOptions, createAcmeClient } from '@zonewright/letsencrypt/acme';
import { readRetryAfter } from '@zonewright/letsencrypt/acme-problem';
import { certificateId } from '@zonewright/letsencrypt/acme-renewal';
import { isFitUrl } from '@zonewright/letsencrypt/acme-url';
import {
  type Certificate,
  chainFor,
  fits,
  parseBundle,
  parseCertificate,
  printBundle,
} from '@zonewright/letsencrypt/certificate';
import { CSR_OCTETS, makeCsr, parseCsr } from '@zonewright/letsencrypt/csr';
import { readDer } from '@zonewright/letsencrypt/der';
import { readHost } from '@zonewright/letsencrypt/host';
import { exportKey, importKey, makeKey } from '@zonewright/letsencrypt/key';
import { printPem, readPem } from '@zonewright/letsencrypt/pem';
import { certificateRdata, chainRdata, csrRdata, readTlsaSet } from '@zonewright/letsencrypt/tlsa';
import { selfSigned, signRequest } from '@zonewright/letsencrypt/x509';
import test from 'ava';
import { decode, encode, type TxtAnswer } from 'dns-packet';
import fc from 'fast-check';
import { testWith } from '../support/needs.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';
import { startPebble } from '../support/pebble.ts';
import { freePort } from '../support/ports.ts';
import { run } from '../support/process.ts';

type Answered<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: { what: string } };

const must = <T>(result: Answered<T>): T => {
  if (!result.ok) throw new Error(result.fault.what);
  return result.value;
};

const faultOf = <F>(result: { ok: true } | { ok: false; fault: F }): F => {
  if (result.ok) throw new Error('this should not have worked');
  return result.fault;
};

const newKey = async (kind: Parameters<typeof makeKey>[0] = 'p256', bits?: number): Promise<KeyObject> =>
  must(await makeKey(kind, bits));

// Names, PEM, DER

test('a host name is letters, digits and hyphens, with one wildcard in front', (t) => {
  for (const host of [
    'mirage',
    'www.example.com',
    '*.example.com',
    'xn--bcher-kva.example',
    '3com.example',
    'a.b-c.d',
  ]) {
    t.is(readHost(host.toUpperCase()), host);
  }
  const bad = [
    '',
    '*',
    'a..b',
    '.a',
    'a.',
    '-a.b',
    'a-.b',
    'a_b.c',
    'w*.a.b',
    'a.*.b',
    '*.*.a',
    '10.0.42.2',
    'a b',
    'a\0b',
  ];
  for (const text of [...bad, `${'a'.repeat(64)}.b`, `${'a.'.repeat(127)}b`, 'bücher.example', '[::1]']) {
    t.is(readHost(text), undefined, text);
  }
});

test('PEM gives back what was printed, and a damaged block is not skipped', (t) => {
  const blocks = fc.array(
    fc.record({
      label: fc.constantFrom('CERTIFICATE', 'PRIVATE KEY'),
      octets: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    }),
  );
  fc.assert(
    fc.property(blocks, (given) => {
      const text = given.map(({ label, octets }) => `a comment\n${printPem(label, octets)}`).join('');
      t.deepEqual(
        readPem(text)?.map(({ label, octets }) => [label, [...octets]]),
        given.map(({ label, octets }) => [label, [...octets]]),
      );
    }),
  );
  const whole = printPem('CERTIFICATE', Uint8Array.of(1, 2, 3, 4));
  for (const damaged of [
    whole.replace('AQ', '!Q'),
    whole.replace('END C', 'END X'),
    whole.slice(0, -20),
    whole.replace('=', ''),
  ]) {
    t.is(readPem(damaged), undefined);
  }
});

test('DER has one encoding: long lengths, loose integers, trailing octets and constructed strings are refused', (t) => {
  const hex = (text: string) => readDer(Buffer.from(text, 'hex'));
  t.truthy(hex('300602010102017f'));
  for (const bad of [
    ...['', '30', '3080', '30800000', '308100', '30810100', '3082000101', '0200', '02020001', '0202ff80', '0101ff00'],
    ...[
      '010101',
      '0500ff',
      '050100',
      '0301',
      '030108',
      '03020101',
      '0600',
      '060180',
      '06028001',
      '24030401ff',
      '1f0100',
      '0000',
    ],
    '30'.repeat(60),
  ]) {
    t.is(hex(bad), undefined, bad);
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => void readDer(octets)));
});

// CSRs

test('a CSR that was made is read with its key and its names, whatever kind of key', async (t) => {
  for (const kind of ['p256', 'p384', 'rsa', 'ed25519'] as const) {
    const key = await newKey(kind, 2048);
    const der = must(
      await makeCsr({ hosts: ['WWW.Example.com', 'example.com', '*.example.com', 'www.example.com'], key }),
    );
    const csr = must(parseCsr(der, { anyKey: true }));
    t.deepEqual(csr.hosts, ['www.example.com', 'example.com', '*.example.com']);
    t.is(csr.keyKind, kind);
    t.deepEqual(Buffer.from(csr.publicKey), createPublicKey(key).export({ format: 'der', type: 'spki' }));
    t.true(await new Pkcs10CertificateRequest(Buffer.from(der)).verify());
  }
});

test('a CSR whose name is too long for a common name has it in the alternative names only', async (t) => {
  const host = `${'a'.repeat(63)}.${'b'.repeat(63)}.example`;
  const der = must(await makeCsr({ hosts: [host], key: await newKey() }));
  t.deepEqual(must(parseCsr(der)).hosts, [host]);
  t.is(new Pkcs10CertificateRequest(Buffer.from(der)).subject, '');
});

test('no bit of a CSR can be flipped, no octet added or taken away', async (t) => {
  const der = must(await makeCsr({ hosts: ['example.com'], key: await newKey() }));
  const start = randomInt(3);
  t.log(`every third bit from ${start}`);
  for (let bit = start; bit < der.length * 8; bit += 3) {
    const flipped = Uint8Array.from(der);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    if (parseCsr(flipped).ok) t.fail(`bit ${bit} of ${Buffer.from(der).toString('hex')}`);
  }
  t.is(faultOf(parseCsr(Uint8Array.of(...der, 0))).kind, 'der');
  t.is(faultOf(parseCsr(der.subarray(0, -1))).kind, 'der');
  t.is(faultOf(parseCsr(Buffer.from(Buffer.from(der).toString('hex')))).kind, 'der');
  t.is(faultOf(parseCsr(Buffer.from(printPem('CERTIFICATE REQUEST', der)))).kind, 'der');
  t.is(faultOf(parseCsr(new Uint8Array(CSR_OCTETS + 1))).kind, 'size');
  t.is(faultOf(parseCsr(Buffer.from('3003020101', 'hex'))).kind, 'structure');
});

test('a CSR with a key that public CAs refuse says so', async (t) => {
  const refused = async (key: KeyObject) => faultOf(parseCsr(await signRequest(key, 'example.com', ['example.com'])));
  t.deepEqual((await refused(await newKey('ed25519'))).kind, 'key');
  t.regex((await refused(await newKey('ed25519'))).what, /Ed25519/);
  t.regex((await refused(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey)).what, /1024 bits/);
  t.regex((await refused(generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey)).what, /P-521/);
  const exponent = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).privateKey;
  t.regex((await refused(exponent)).what, /exponent/);
});

test('a CSR with names that no CA certifies says so', async (t) => {
  const key = await newKey();
  const asked = async (commonName: string | undefined, hosts: readonly string[]) =>
    faultOf(parseCsr(await signRequest(key, commonName, hosts)));
  t.regex((await asked(undefined, [])).what, /no host name/);
  t.regex((await asked('10.0.42.2', ['example.com'])).what, /"10.0.42.2"/);
  t.regex((await asked('Some Company', ['example.com'])).what, /"Some Company"/);
  t.regex((await asked('example.com', ['a_b.example.com'])).what, /a_b/);
  t.regex((await asked('example.com', ['evil.com\0.example.com'])).what, /\\u0000/);
  const many = Array.from({ length: 101 }, (_, i) => `host${i}.example.com`);
  t.regex((await asked(undefined, many)).what, /101/);
  t.is(must(parseCsr(await signRequest(key, many[0], many.slice(0, 100)))).hosts.length, 100);
  t.is(faultOf(await makeCsr({ hosts: ['a b'], key })).kind, 'host');
  t.is(faultOf(await makeCsr({ hosts: [], key })).kind, 'host');

  const { subtle } = webcrypto;
  const keys = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const withAddress = await Pkcs10CertificateRequestGenerator.create({
    keys,
    name: 'CN=example.com',
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [new SubjectAlternativeNameExtension([{ type: 'ip', value: '10.0.42.2' }])],
  });
  t.is(faultOf(parseCsr(new Uint8Array(withAddress.rawData))).kind, 'host');
});

testWith(test, ['openssl'])('CSRs and keys that OpenSSL makes are read', async (t) => {
  const folder = temporaryFolder(t);
  const kinds = {
    rsa: ['genrsa', '-traditional', '2048'],
    p256: ['ecparam', '-name', 'prime256v1', '-genkey'],
    p384: ['ecparam', '-name', 'secp384r1', '-genkey', '-noout'],
    ed25519: ['genpkey', '-algorithm', 'ed25519'],
    secp256k1: ['ecparam', '-name', 'secp256k1', '-genkey', '-noout'],
  } as const;
  const request = async (subject: string, ...options: string[]): Promise<Uint8Array> => {
    const args = [
      'req',
      '-new',
      '-key',
      join(folder, 'key.pem'),
      '-subj',
      subject,
      '-outform',
      'DER',
      '-out',
      join(folder, 'csr.der'),
    ];
    t.is((await run('openssl', [...args, ...options])).code, 0);
    return readFileSync(join(folder, 'csr.der'));
  };
  for (const [kind, args] of Object.entries(kinds)) {
    const made = await run('openssl', args);
    writeFileSync(join(folder, 'key.pem'), made.stdout);
    const der = await request(
      '/O=Somebody/CN=example.com',
      '-addext',
      'subjectAltName=DNS:www.example.com,DNS:example.com',
    );
    const csr = parseCsr(der, { anyKey: true });
    if (kind === 'secp256k1') {
      t.is(faultOf(csr).kind, 'key');
      t.is(faultOf(importKey(made.stdout)).kind, 'kind');
      continue;
    }
    t.deepEqual(must(csr).hosts, ['example.com', 'www.example.com']);
    const key = must(importKey(made.stdout));
    t.deepEqual(Buffer.from(must(csr).publicKey), createPublicKey(key).export({ format: 'der', type: 'spki' }));
    t.true(must(importKey(exportKey(key))).equals(key));
    t.deepEqual(must(parseCsr(await request('/CN=only.example.com'), { anyKey: true })).hosts, ['only.example.com']);
    const again = must(await makeCsr({ hosts: ['example.com'], key }));
    writeFileSync(join(folder, 'ours.der'), again);
    const verified = await run('openssl', [
      'req',
      '-verify',
      '-noout',
      '-inform',
      'DER',
      '-in',
      join(folder, 'ours.der'),
    ]);
    t.is(verified.code, 0, verified.stderr);
  }
  // PSS is not among the signatures that CAs take, nor is SHA-1.
  writeFileSync(join(folder, 'key.pem'), exportKey(await newKey('rsa', 2048)));
  t.is(faultOf(parseCsr(await request('/CN=example.com', '-sigopt', 'rsa_padding_mode:pss'))).kind, 'signature');
  t.is(faultOf(parseCsr(await request('/CN=example.com', '-sha1'))).kind, 'signature');
});

test('what is no private key, or an encrypted one, is told apart', async (t) => {
  t.is(faultOf(importKey('nothing')).kind, 'pem');
  t.is(faultOf(importKey('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')).kind, 'pem');
  const encrypted = (await newKey()).export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' });
  t.is(faultOf(importKey(encrypted as string)).kind, 'encrypted');
  t.is(faultOf(await makeKey('rsa', 1024)).kind, 'bits');
});

// Certificates

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);

interface Issued {
  readonly certificate: Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly subject: string;
}

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

const issue = async (
  subject: string,
  issuer: Issued | undefined,
  days: number,
  hosts: readonly string[] = [],
): Promise<Issued> => {
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.create({
    subject,
    issuer: issuer?.subject ?? subject,
    notBefore: new Date(START),
    notAfter: new Date(START + days * DAY),
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: EC,
    extensions:
      hosts.length === 0
        ? [new BasicConstraintsExtension(true)]
        : [new SubjectAlternativeNameExtension(hosts.map((value) => ({ type: 'dns', value })))],
  });
  return { certificate: must(parseCertificate(new Uint8Array(made.rawData))), keys, subject };
};

test('a certificate fits a request with the same key and the same names, while it is valid long enough', async (t) => {
  const key = await newKey();
  const hosts = ['example.com', '*.example.com'];
  const der = await selfSigned({ key, hosts, addresses: [], notBefore: new Date(START), days: 90 });
  const certificate = must(parseCertificate(der));
  t.is(certificate.notBefore, START);
  t.is(certificate.notAfter, START + 90 * DAY);
  t.deepEqual(certificate.hosts, hosts);
  const csr = async (names: readonly string[], of = key) =>
    must(parseCsr(must(await makeCsr({ hosts: names, key: of }))));
  const same = await csr(['*.EXAMPLE.com', 'example.com']);
  t.true(fits(certificate, same, { now: START, until: START + 90 * DAY - 1 }));
  t.false(fits(certificate, same, { now: START - 1, until: START + DAY }), 'not yet valid');
  t.false(fits(certificate, same, { now: START, until: START + 90 * DAY }), 'not valid long enough');
  const time = { now: START + DAY, until: START + 15 * DAY };
  t.false(fits(certificate, await csr(['example.com']), time), 'fewer names');
  t.false(fits(certificate, await csr([...hosts, 'www.example.com']), time), 'more names');
  t.false(fits(certificate, await csr(hosts, await newKey()), time), 'another key');
});

test('a chain is put in order from the leaf up, without the root and without strangers', async (t) => {
  const root = await issue('CN=Root', undefined, 3650);
  const upper = await issue('CN=Upper', root, 1000);
  const lower = await issue('CN=Lower', upper, 500);
  const impostor = await issue('CN=Lower', upper, 900);
  const crossing = { ...upper, certificate: (await issue('CN=Other', root, 100)).certificate };
  const leaf = await issue('CN=example.com', lower, 90, ['example.com']);
  const others = [root, crossing, impostor, upper, lower].map(({ certificate }) => certificate);
  const chain = chainFor(leaf.certificate, others);
  t.deepEqual(chain, [leaf.certificate, lower.certificate, upper.certificate]);
  t.deepEqual(chainFor(leaf.certificate, []), [leaf.certificate]);
  t.deepEqual(chainFor(leaf.certificate, [leaf.certificate, upper.certificate]), [leaf.certificate]);
  const text = printBundle(chain);
  t.deepEqual(
    must(parseBundle(`# ours\n${text}`)).map(({ der }) => Buffer.from(der)),
    chain.map(({ der }) => Buffer.from(der)),
  );
  t.is(faultOf(parseBundle('')).kind, 'pem');
  t.is(faultOf(parseBundle(printPem('CERTIFICATE', Uint8Array.of(0x30, 0)))).kind, 'structure');
  t.is(faultOf(parseCertificate(Uint8Array.of(...leaf.certificate.der, 0))).kind, 'der');
});

test('no mutation of a certificate or CSR makes the readers throw', async (t) => {
  const key = await newKey();
  const csr = must(await makeCsr({ hosts: ['example.com'], key }));
  const certificate = await selfSigned({
    key,
    hosts: ['a.b'],
    addresses: ['127.0.0.1'],
    notBefore: new Date(START),
    days: 1,
  });
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(edits, (list) => {
      const [a, b] = [Uint8Array.from(csr), Uint8Array.from(certificate)];
      for (const [at, octet] of list) {
        a[at % a.length] = octet;
        b[at % b.length] = octet;
      }
      parseCsr(a);
      const read = parseCertificate(b);
      if (read.ok) chainFor(read.value, [read.value]);
    }),
    { numRuns: 1000 },
  );
  t.pass();
});

// TLSA and account key

test('TLSA records are sorted by what they mean, and foreign ones are kept', (t) => {
  const der = Uint8Array.of(0x30, 1, 2);
  const dane = Uint8Array.of(3, 1, 1, ...new Uint8Array(32));
  const empty = Uint8Array.of(3, 255, 0);
  const set = readTlsaSet([dane, chainRdata(der), csrRdata(der), empty, certificateRdata(der), new Uint8Array(0)]);
  t.deepEqual(set, { csrs: [der], certificates: [der], chain: [der], other: [dane, empty, new Uint8Array(0)] });
  t.deepEqual([...csrRdata(der)], [3, 255, 0, 0x30, 1, 2]);
  t.deepEqual([...certificateRdata(der)], [3, 0, 0, 0x30, 1, 2]);
  t.deepEqual([...chainRdata(der)], [0, 0, 0, 0x30, 1, 2]);
});

test('a seed gives the same account key everywhere', (t) => {
  // Computed apart: HKDF by hand in Python, the point by OpenSSL. The scalar begins with a zero octet.
  const jwk = accountKeyFromSeed('correct horse battery staple').export({ format: 'jwk' });
  t.is(
    Buffer.from(jwk.d!, 'base64url').toString('hex'),
    '00596b442ea920a1cd2bb6c4886ef701ba46d70433ce846738c34c0df3b5057d',
  );
  t.is(
    Buffer.from(jwk.x!, 'base64url').toString('hex'),
    '6ad807e1c4ed5162ee95c434089442aae5291f953682341b8005315dae9b5b49',
  );
  t.is(
    Buffer.from(jwk.y!, 'base64url').toString('hex'),
    '1ccb88e5a713d50401fa6f5823e3bbaa793bb75cb7d1d4ff0cbc22173071476a',
  );
  t.false(accountKeyFromSeed('a').equals(accountKeyFromSeed('b')));
});

test('an account key comes from a seed or from a file, which is made when it is missing', async (t) => {
  const file = join(temporaryFolder(t), 'account.pem');
  t.is(faultOf(await accountKey({})).kind, 'usage');
  t.is(faultOf(await accountKey({ seed: 'x', file })).kind, 'usage');
  t.is(faultOf(await accountKey({ seed: '' })).kind, 'usage');
  const refused = faultOf(await accountKey({ seed: 'secret seed', type: 'rsa' }));
  t.is(refused.kind, 'usage');
  t.notRegex(JSON.stringify(refused), /secret seed/);
  t.true(must(await accountKey({ seed: 'x', type: 'p256' })).equals(accountKeyFromSeed('x')));

  const made = must(await accountKey({ file, type: 'p384' }));
  t.is(statSync(file).mode & 0o777, 0o600);
  t.true(must(await accountKey({ file })).equals(made));
  t.is(faultOf(await accountKey({ file, type: 'rsa' })).kind, 'key');
  writeFileSync(file, 'no key');
  t.is(faultOf(await accountKey({ file })).kind, 'key');
  t.is(faultOf(await accountKey({ file: join(file, 'x') })).kind, 'file');
});

// The ACME client against a CA that misbehaves

type Handler = (path: string, request: IncomingMessage, response: ServerResponse, base: string) => boolean;

/** A CA that knows an account and answers the rest as `handle` says. */
const fakeCa = async (owner: Owner, handle: Handler): Promise<string> => {
  const server = createServer((request, response) => {
    const base = `http://${request.headers.host}`;
    const path = request.url!;
    request.resume();
    response.setHeader('Replay-Nonce', 'bm9uY2U');
    if (path === '/dir') {
      const names = ['newNonce', 'newAccount', 'newOrder', 'renewalInfo'];
      json(response, 200, Object.fromEntries(names.map((name) => [name, `${base}/${name}`])));
    } else if (path === '/newNonce') {
      response.end();
    } else if (!handle(path, request, response, base)) {
      response.setHeader('Location', `${base}/account`);
      json(response, 200, { status: 'valid', contact: [] });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  owner.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return `http://127.0.0.1:${port}/dir`;
};

const json = (response: ServerResponse, status: number, body: unknown): void => {
  response.statusCode = status;
  response.setHeader('Content-Type', status < 400 ? 'application/json' : 'application/problem+json');
  response.end(JSON.stringify(body));
};

const clientOf = (owner: Owner, directory: string, options: Partial<AcmeOptions> = {}): AcmeClient => {
  const accountKey = accountKeyFromSeed('a seed for tests');
  const client = must(createAcmeClient({ directory, accountKey, termsAgreed: true, ...options }));
  owner.teardown(() => client.close());
  return client;
};

const acme = (name: string) => `urn:ietf:params:acme:error:${name}`;

test('a problem of the CA becomes a fault of its kind, with its parts and when to come back', async (t) => {
  const cases = [
    [429, { type: acme('rateLimited'), detail: 'too\nmany' }, 'rateLimited', '604800'],
    [403, { type: acme('unauthorized'), detail: 'no' }, 'unauthorized', undefined],
    [400, { type: acme('malformed'), detail: 'what' }, 'malformed', undefined],
    [400, { type: acme('rejectedIdentifier'), detail: 'not that' }, 'host', undefined],
    [503, { detail: 'asleep' }, 'server', '120'],
    [500, '<html>', 'server', undefined],
    [400, { type: acme('badNonce'), detail: 'again and again' }, 'server', undefined],
  ] as const;
  for (const [status, body, kind, retryAfter] of cases) {
    const directory = await fakeCa(t, (path, _request, response) => {
      if (path !== '/newOrder') return false;
      if (retryAfter !== undefined) response.setHeader('Retry-After', retryAfter);
      json(response, status, body);
      return true;
    });
    const client = clientOf(t, directory);
    t.false(must(await client.account()).isNew);
    const fault = faultOf(await client.newOrder(['example.com']));
    t.is(fault.kind, kind);
    t.is(fault.retryAfter, retryAfter === undefined ? undefined : Number(retryAfter));
    t.is(fault.problem?.status, status);
    t.notRegex(fault.what, /\n/);
  }
});

test('subproblems say which name is at fault', async (t) => {
  const directory = await fakeCa(t, (path, _request, response) => {
    if (path !== '/newOrder') return false;
    const identifier = { type: 'dns', value: 'bad.example' };
    const subproblems = [{ type: acme('caa'), detail: 'CAA forbids', identifier }, null];
    json(response, 403, { type: acme('malformed'), detail: 'some names', subproblems });
    return true;
  });
  const client = clientOf(t, directory);
  must(await client.account());
  const fault = faultOf(await client.newOrder(['bad.example']));
  t.regex(fault.what, /bad\.example: CAA forbids/);
  t.deepEqual(fault.problem?.subproblems[0], { type: 'caa', detail: 'CAA forbids', host: 'bad.example' });
});

test('a CA that refuses the connection, hangs, or is not trusted is a fault, and a stop ends the call at once', async (t) => {
  t.is(faultOf(await clientOf(t, 'http://127.0.0.1:1/dir').account()).kind, 'unreachable');
  const hanging = await fakeCa(t, (path) => path === '/newAccount');
  t.is(faultOf(await clientOf(t, hanging, { timeout: 100 }).account()).kind, 'timeout');
  const controller = new AbortController();
  const before = performance.now();
  const call = clientOf(t, hanging).account({ signal: controller.signal });
  setTimeout(() => controller.abort(), 50);
  t.is(faultOf(await call).kind, 'aborted');
  // Far from the 30 s of a call; the other tests of this file may keep the process busy for seconds.
  t.true(performance.now() - before < 20_000);
  t.is(faultOf(await clientOf(t, hanging).account({ signal: controller.signal })).kind, 'aborted');
});

test('a connection that was kept and is closed as the next request goes out is no failure, and a new one that is closed is', async (t) => {
  const used = new WeakSet<object>();
  let closed = 0;
  const directory = await fakeCa(t, (path, request, response, base) => {
    const isKept = used.has(request.socket);
    used.add(request.socket);
    if (isKept || path === '/newOrder/closed') {
      closed++;
      request.socket.destroy();
      return true;
    }
    if (path !== '/newOrder') return false;
    response.setHeader('Location', `${base}/order`);
    json(response, 201, { status: 'pending', identifiers: [], authorizations: [], finalize: base });
    return true;
  });
  // Made before: it takes its time, and connections are kept for a few seconds only.
  const { certificate } = await issue('CN=example.com', undefined, 90, ['example.com']);
  const client = clientOf(t, directory);
  must(await client.account());
  must(await client.newOrder(['example.com']));
  const before = closed;
  t.true(before > 0);
  const ids = { authorityKeyId: Uint8Array.of(1), serialNumber: Uint8Array.of(2) };
  // It is no renewal information, but it is an answer.
  t.is(faultOf(await client.renewalInfo({ ...certificate, ...ids })).kind, 'unexpected');
  t.true(closed > before);
  t.is(faultOf(await client.order(directory.replace('dir', 'newOrder/closed'))).kind, 'unreachable');
});

test('options that cannot work are told before anything is sent', async (t) => {
  const accountKey = accountKeyFromSeed('x');
  const directory = 'https://ca.example/dir';
  t.true(createAcmeClient({ directory, accountKey, termsAgreed: true }).ok);
  const bad: readonly Partial<AcmeOptions>[] = [
    ...['', 'acme', 'http://ca.example/dir', 'ftp://127.0.0.1/'].map((url) => ({ directory: url })),
    { caPem: 'no certificate' },
    { accountKey: await newKey('ed25519') },
  ];
  for (const options of bad) {
    t.is(faultOf(createAcmeClient({ directory, accountKey, termsAgreed: true, ...options })).kind, 'usage');
  }
});

test('a CA is asked over https only, or on loopback where its directory is, whatever URL it names', async (t) => {
  const [secure, plain] = ['https://ca.example/dir', 'http://127.0.0.1:1/dir'].map((url) => new URL(url));
  const asked = (url: string) => [isFitUrl(url, secure!), isFitUrl(url, plain!)];
  t.deepEqual(asked('https://other.example/x'), [true, true]);
  t.deepEqual(asked('http://127.0.0.1:2/x'), [false, true]);
  for (const url of ['http://ca.example/x', 'ftp://127.0.0.1/x', '/x', ''])
    t.deepEqual(asked(url), [false, false], url);

  const foreign = 'http://ca.invalid/x';
  const directory = await fakeCa(t, (path, _request, response, base) => {
    if (path === '/newOrder') response.setHeader('Location', `${base}/order`);
    if (path === '/renewalInfo/AQ.Ag') response.setHeader('Location', foreign);
    const order = { status: 'pending', identifiers: [], authorizations: [foreign], finalize: foreign };
    if (path === '/newOrder') json(response, 201, order);
    else if (path === '/order') json(response, 200, { ...order, status: 'ready' });
    else if (path === '/renewalInfo/AQ.Ag') json(response, 302, {});
    else return false;
    return true;
  });
  const client = clientOf(t, directory);
  const order = must(await client.newOrder(['example.com']));
  const valid = { ...order, status: 'valid', certificate: foreign } as const;
  const ids = { authorityKeyId: Uint8Array.of(1), serialNumber: Uint8Array.of(2) };
  const { certificate } = await issue('CN=example.com', undefined, 90, ['example.com']);
  for (const result of [
    await client.order(foreign),
    await client.authorizations(order),
    await client.finalize(order, new Uint8Array(3)),
    await client.certificate(valid),
    await client.renewalInfo({ ...certificate, ...ids }),
  ]) {
    const fault = faultOf<{ readonly kind: string; readonly what: string }>(result);
    t.is(fault.kind, 'unexpected');
    t.regex(fault.what, /no https URL/);
  }
});

test('an answer that is no ACME is a fault', async (t) => {
  for (const body of [null, [], 'text', {}, { status: 'valid' }, { status: 'odd', authorizations: 1 }]) {
    const directory = await fakeCa(t, (path, _request, response, base) => {
      if (path !== '/newOrder') return false;
      response.setHeader('Location', `${base}/order`);
      json(response, 201, body);
      return true;
    });
    const client = clientOf(t, directory);
    must(await client.account());
    t.is(faultOf(await client.newOrder(['example.com'])).kind, 'unexpected');
  }
});

test('an authorization that never comes to an end, and one that fails, end the wait', async (t) => {
  let asked = 0;
  const error = { type: acme('dns'), detail: 'SERVFAIL looking up TXT' };
  const directory = await fakeCa(t, (path, _request, response) => {
    if (!path.startsWith('/authz')) return false;
    asked++;
    response.setHeader('Retry-After', '3600');
    const status = path === '/authz/bad' && asked > 3 ? 'invalid' : 'pending';
    const challenges = [{ type: 'dns-01', url: '/x', token: 'abc', status, ...(status === 'invalid' && { error }) }];
    json(response, 200, { status, identifier: { type: 'dns', value: 'example.com' }, wildcard: true, challenges });
    return true;
  });
  const client = clientOf(t, directory, { poll: { least: 5, most: 20, total: 20_000 } });
  const hasty = clientOf(t, directory, { poll: { least: 5, most: 20, total: 200 } });
  must(await client.account());
  must(await hasty.account());
  const base = directory.replace('/dir', '');
  const authorization = { url: `${base}/authz/bad`, host: 'example.com', wildcard: true, status: 'pending' } as const;
  const fault = faultOf(await client.waitForAuthorization(authorization));
  t.is(fault.kind, 'challenge');
  t.regex(fault.what, /authorization of \*\.example\.com: dns: SERVFAIL/);
  t.is(asked, 4);
  const never = { ...authorization, url: `${base}/authz/never` };
  t.is(faultOf(await hasty.waitForAuthorization(never)).kind, 'timeout');
  const signal = AbortSignal.timeout(30);
  t.is(faultOf(await client.waitForAuthorization(never, { signal })).kind, 'aborted');
});

test('the CA says when it suggests renewal, and a window that is turned around is none', async (t) => {
  const [authorityKeyId, serialNumber] = ['69885b6b87464041e1b37b847ba0ae2cde01c8d4', '0087654321'].map((hex) =>
    Buffer.from(hex, 'hex'),
  );
  // RFC 9773 4.1.
  const id = certificateId({ authorityKeyId: authorityKeyId!, serialNumber: serialNumber! });
  t.is(id, 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE');
  t.is(certificateId({ serialNumber: serialNumber! }), undefined);

  let window = { start: '2026-01-02T04:00:00Z', end: '2026-01-03T04:00:00Z' };
  const directory = await fakeCa(t, (path, request, response) => {
    if (path !== `/renewalInfo/${id}` || request.method !== 'GET') return false;
    response.setHeader('Retry-After', '21600');
    json(response, 200, { suggestedWindow: window, explanationURL: 'https://ca.example/why' });
    return true;
  });
  const { certificate } = await issue('CN=example.com', undefined, 90, ['example.com']);
  const known = { ...certificate, authorityKeyId: authorityKeyId!, serialNumber: serialNumber! };
  const client = clientOf(t, directory);
  t.deepEqual(must(await client.renewalInfo(known)), {
    start: Date.UTC(2026, 0, 2, 4),
    end: Date.UTC(2026, 0, 3, 4),
    explanation: 'https://ca.example/why',
    askAgain: 21600,
  });
  t.is(must(await client.renewalInfo(certificate)), undefined);
  window = { start: window.end, end: window.start };
  t.is(faultOf(await client.renewalInfo(known)).kind, 'unexpected');
});

test('Retry-After is read as seconds and as a date', (t) => {
  const now = Date.UTC(2026, 10, 20, 12, 0, 0);
  t.is(readRetryAfter('120', now), 120);
  t.is(readRetryAfter('Fri, 20 Nov 2026 12:01:00 GMT', now), 60);
  t.is(readRetryAfter('Fri, 20 Nov 2026 11:00:00 GMT', now), 0);
  t.is(readRetryAfter('soon', now), undefined);
  t.is(readRetryAfter(undefined, now), undefined);
});

// The ACME client against pebble

/** A DNS server that knows TXT records, and nothing else of any name; UDP on 127.0.0.1. */
const startDns = async (owner: Owner): Promise<{ readonly address: string; readonly texts: Map<string, string[]> }> => {
  const texts = new Map<string, string[]>();
  const socket = createSocket('udp4');
  socket.on('message', (octets, peer) => {
    const query = decode(octets);
    const question = query.questions![0]!;
    const name = question.name.toLowerCase();
    const found = question.type === 'TXT' ? (texts.get(name) ?? []) : [];
    const answers = found.map((data): TxtAnswer => ({ type: 'TXT', name: question.name, ttl: 1, data }));
    // 0x0400: authoritative.
    socket.send(
      encode({ type: 'response', id: query.id!, flags: 0x0400, questions: [question], answers }),
      peer.port,
      peer.address,
    );
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  owner.teardown(() => socket.close());
  return { address: `127.0.0.1:${socket.address().port}`, texts };
};

const poll = { least: 20, most: 200, total: 20_000 };

testWith(test, ['pebble'])('pebble issues a certificate for a name and its wildcard in one order', async (t) => {
  const dns = await startDns(t);
  const pebble = await startPebble(t, { dnsServer: dns.address });
  const caPem = readFileSync(pebble.caFile, 'utf8');
  t.regex(faultOf(await clientOf(t, pebble.directory).account()).hint ?? '', /--ca-file/);

  const client = clientOf(t, pebble.directory, { caPem, email: 'hostmaster@example.com', poll });
  const account = must(await client.account());
  t.true(account.isNew);
  t.deepEqual(must(await clientOf(t, pebble.directory, { caPem }).account()), { ...account, isNew: false });

  const folder = temporaryFolder(t);
  for (const kind of ['p256', 'rsa'] as const) {
    const key = await newKey(kind, 2048);
    const der = must(await makeCsr({ hosts: ['example.com', '*.example.com'], key }));
    const csr = must(parseCsr(der));
    const order = must(await client.newOrder(csr.hosts));
    const authorizations = must(await client.authorizations(order));
    t.deepEqual(authorizations.map(({ host, wildcard }) => [host, wildcard]).sort(), [
      ['example.com', false],
      ['example.com', true],
    ]);
    for (const { challenge } of authorizations) {
      dns.texts.set(challenge!.name, [...(dns.texts.get(challenge!.name) ?? []), challenge!.digest]);
    }
    for (const authorization of authorizations) must(await client.answerChallenge(authorization));
    for (const authorization of authorizations) {
      t.is(must(await client.waitForAuthorization(authorization)).status, 'valid');
    }
    const done = must(await client.finalize(order, der));
    const pem = must(await client.certificate(done));
    const [leaf, ...others] = must(parseBundle(pem));
    t.true(fits(leaf!, csr, { now: Date.now(), until: Date.now() + 30 * DAY }));
    t.true(others.length > 0);
    t.deepEqual(chainFor(leaf!, [...others].reverse()).length, 1 + others.length);
    t.truthy(leaf!.authorityKeyId);
    // Finalizing an order again gives the same certificate: an interrupted run can be taken up.
    t.is(must(await client.certificate(must(await client.finalize(order, der)))), pem);

    writeFileSync(join(folder, 'root.pem'), await pebble.root());
    writeFileSync(join(folder, 'chain.pem'), printBundle(others));
    writeFileSync(join(folder, 'leaf.pem'), printBundle([leaf!]));
    const files = ['-CAfile', 'root.pem', '-untrusted', 'chain.pem', 'leaf.pem'];
    const verified = await run('openssl', ['verify', ...files], { cwd: folder }).catch(() => undefined);
    if (verified === undefined) t.log('not verified: needs package openssl');
    else t.is(verified.stdout.trim(), 'leaf.pem: OK', verified.stderr);
  }
});

testWith(test, ['pebble'])(
  'a challenge that is not met ends in a fault that names it, and so does a name the CA refuses',
  async (t) => {
    const dns = await startDns(t);
    const pebble = await startPebble(t, { dnsServer: dns.address });
    const client = clientOf(t, pebble.directory, { caPem: readFileSync(pebble.caFile, 'utf8'), poll });
    must(await client.account());
    const order = must(await client.newOrder(['www.example.com']));
    const [authorization] = must(await client.authorizations(order));
    must(await client.answerChallenge(authorization!));
    const fault = faultOf(await client.waitForAuthorization(authorization!));
    t.is(fault.kind, 'unauthorized');
    t.regex(fault.what, /authorization of www\.example\.com/);
    const csr = must(await makeCsr({ hosts: ['www.example.com'], key: await newKey() }));
    t.is(faultOf(await client.finalize(order, csr)).kind, 'unauthorized');
    t.truthy(faultOf(await client.newOrder(['10.0.42.2'])));
    t.is(faultOf(await client.certificate(order)).kind, 'malformed');
  },
);

testWith(test, ['pebble'])(
  'an account is bound to an external one when the CA asks for it, and made only when the terms are agreed to',
  async (t) => {
    const hmacKey = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';
    const pebble = await startPebble(t, { dnsServer: '127.0.0.1:1', externalAccounts: { 'kid-1': hmacKey } });
    const caPem = readFileSync(pebble.caFile, 'utf8');
    const accountKey = must(await makeKey('rsa', 2048));
    const options = { caPem, accountKey };
    const unbound = faultOf(await clientOf(t, pebble.directory, options).account());
    t.is(unbound.problem?.type, 'externalAccountRequired');
    t.is(unbound.kind, 'account');
    t.regex(faultOf(await clientOf(t, pebble.directory, { ...options, termsAgreed: false }).account()).what, /terms/);
    const bound = clientOf(t, pebble.directory, { ...options, eab: { kid: 'kid-1', hmacKey } });
    t.true(must(await bound.account()).isNew);
    // Once it exists, the account needs no binding.
    t.false(must(await clientOf(t, pebble.directory, options).account()).isNew);
  },
);

test('a pebble that is not installed, ends at once, or has no folder, is a fault', async (t) => {
  const options = {
    folder: temporaryFolder(t),
    dnsServer: '127.0.0.1:1',
    port: await freePort(),
    managementPort: await freePort(),
  };
  t.is(faultOf(await start({ ...options, program: '/nowhere/pebble' })).kind, 'missing');
  t.is(faultOf(await start({ ...options, program: process.execPath })).kind, 'exited');
  const file = join(options.folder, 'tls.key');
  t.is(faultOf(await start({ ...options, folder: file })).kind, 'file');
});
