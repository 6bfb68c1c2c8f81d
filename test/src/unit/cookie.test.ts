/** Server cookies (RFC 7873, RFC 9018), the hash they are made with, and the address they are bound to. */

import { ClientAddress } from '@zonewright/common/authority/client-address';
import { COOKIE, COOKIE_OCTETS, CookieJar, DEMAND } from '@zonewright/common/authority/cookie';
import { sipHash, sipHashKey } from '@zonewright/common/wire/siphash';
import test from 'ava';
import fc from 'fast-check';

const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const addressed = (text: string): ClientAddress => {
  const client = new ClientAddress();
  client.read(text);
  return client;
};

const OLD = 'e5e973e5a6b2a43f48e7dc849e37bfcf';
const jarOf = (...secrets: string[]): CookieJar => new CookieJar({ secrets: secrets.map(octets), isRequired: false });
const shown = (cookie: string): { cookie: Uint8Array; cookieLength: number } => ({
  cookie: octets(cookie.padEnd(80, '0')),
  cookieLength: cookie.length / 2,
});
const judge = (jar: CookieJar, cookie: string, client: string, now: number): number =>
  jar.judge(shown(cookie), addressed(client), now);
/** The option that answers `cookie`. */
const answered = (jar: CookieJar, cookie: string, client: string, now: number): string => {
  const out = new Uint8Array(COOKIE_OCTETS);
  jar.write(judge(jar, cookie, client, now), shown(cookie), addressed(client), now, out);
  return hex(out);
};

/** The reference implementation's outputs (vectors.h) for the key 00 01 .. 0f and messages 00 01 .. of these lengths. */
const HASHES: readonly (readonly [length: number, hash: string])[] = [
  [0, '310e0edd47db6f72'],
  [1, 'fd67dc93c539f874'],
  [2, '5a4fa9d909806c0d'],
  [3, '2d7efbd796666785'],
  [4, 'b7877127e09427cf'],
  [7, '37d1018bf50002ab'],
  [8, '6224939a79f5f593'],
  [9, 'b0e4a90bdf82009e'],
  [15, 'e545be4961ca29a1'],
  [16, 'db9bc2577fcc2a3f'],
  [20, '98eea21af25cd6be'],
  [31, '42c341d8fa92d832'],
  [32, 'ce7cf2722f512771'],
  [63, '724506eb4c328a95'],
];

test('SipHash-2-4 gives the hashes of its reference implementation', (t) => {
  const key = sipHashKey(Uint8Array.from({ length: 16 }, (_, i) => i));
  const message = Uint8Array.from({ length: 64 }, (_, i) => i);
  for (const [length, hash] of HASHES) {
    const out = new Uint8Array(10);
    sipHash(key, message, length, out, 1);
    t.is(hex(out), `00${hash}00`, `${length} octets`);
  }
  t.throws(() => sipHashKey(new Uint8Array(15)), { instanceOf: RangeError });
});

test('a client learns a server cookie (RFC 9018 A.1)', (t) => {
  const reply = answered(jarOf(OLD), '2464c4abcf10c957', '198.51.100.100', 1559731985);
  t.is(reply, '2464c4abcf10c957010000005cf79f111f8130c3eee29480');
});

test('a client that comes back later gets a new cookie (RFC 9018 A.2)', (t) => {
  const cookie = '2464c4abcf10c957010000005cf79f111f8130c3eee29480';
  const jar = jarOf(OLD);
  t.is(judge(jar, cookie, '198.51.100.100', 1559734385), COOKIE.AGED);
  t.is(answered(jar, cookie, '198.51.100.100', 1559734385), '2464c4abcf10c957010000005cf7a871d4a564a1442aca77');
});

test('reserved octets of other servers are part of what is hashed, and ours are zero (RFC 9018 A.3)', (t) => {
  const cookie = 'fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5';
  const jar = jarOf(OLD);
  t.is(judge(jar, cookie, '203.0.113.203', 1559727985), COOKIE.GOOD);
  t.is(answered(jar, cookie, '203.0.113.203', 1559734700), 'fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e');
});

test('a cookie of the secret before is taken, and replaced by one of the new secret (RFC 9018 A.4)', (t) => {
  const cookie = '22681ab97d52c298010000005cf7c57926556bd0934c72f8';
  const client = '2001:db8:220:1:59de:d0f4:8769:82b8';
  const jar = jarOf('445536bcd2513298075a5d379663c962', 'dd3bdf9344b678b185a6f5cb60fca715');
  t.is(judge(jar, cookie, client, 1559741961), COOKIE.AGED);
  t.is(answered(jar, cookie, client, 1559741961), '22681ab97d52c298010000005cf7c609a6bb79d16625507a');
});

test('a secret that is replaced is known until the next one is, and no longer (RFC 7873 7.1)', (t) => {
  const jar = jarOf(OLD);
  const client = '198.51.100.100';
  const cookie = answered(jar, '2464c4abcf10c957', client, 1559731985);
  jar.renew(new Uint8Array(16).fill(1));
  t.is(judge(jar, cookie, client, 1559731986), COOKIE.AGED);
  const next = answered(jar, cookie, client, 1559731986);
  t.not(next, cookie);
  t.is(judge(jar, next, client, 1559731987), COOKIE.GOOD);
  jar.renew(new Uint8Array(16).fill(2));
  t.is(judge(jar, cookie, client, 1559731988), COOKIE.BAD);
  t.is(judge(jar, next, client, 1559731988), COOKIE.AGED);
});

test('a cookie is good for an hour, five minutes before it was made, and is kept for half an hour', (t) => {
  const cookie = '2464c4abcf10c957010000005cf79f111f8130c3eee29480';
  const jar = jarOf(OLD);
  const at = (age: number): number => judge(jar, cookie, '198.51.100.100', 1559731985 + age);
  t.is(at(-301), COOKIE.BAD);
  for (const age of [-300, 0, 1799]) t.is(at(age), COOKIE.GOOD, `${age}`);
  for (const age of [1800, 3600]) t.is(at(age), COOKIE.AGED, `${age}`);
  for (const age of [3601, 2 ** 31, 2 ** 31 - 1]) t.is(at(age), COOKIE.BAD, `${age}`);
  t.is(answered(jar, cookie, '198.51.100.100', 1559731985 + 60), cookie);
});

test('a cookie outlives the turn of its 32-bit time in 2106', (t) => {
  const jar = jarOf(OLD);
  const cookie = answered(jar, '0102030405060708', '2001:db8::1', 2 ** 32 - 100);
  t.is(judge(jar, cookie, '2001:db8::1', 2 ** 32 + 100), COOKIE.GOOD);
  t.is(judge(jar, cookie, '2001:db8::1', 2 ** 32 + 3600), COOKIE.BAD);
});

test('a cookie of another client, secret, version or length is bad, and is answered with a new one', (t) => {
  const cookie = '2464c4abcf10c957010000005cf79f111f8130c3eee29480';
  const jar = jarOf(OLD);
  const now = 1559731985;
  t.is(judge(jar, cookie, '198.51.100.100', now), COOKIE.GOOD);
  t.is(judge(jar, cookie, '198.51.100.101', now), COOKIE.BAD);
  t.is(judge(jar, cookie, 'no address', now), COOKIE.BAD);
  t.is(judge(jarOf('00'.repeat(16)), cookie, '198.51.100.100', now), COOKIE.BAD);
  t.is(judge(jar, `${cookie}00`, '198.51.100.100', now), COOKIE.BAD);
  t.is(judge(jar, cookie.slice(0, 32), '198.51.100.100', now), COOKIE.BAD);
  for (let i = 0; i < COOKIE_OCTETS; i++) {
    const changed = octets(cookie);
    changed[i] = changed[i]! ^ 1;
    t.is(judge(jar, hex(changed), '198.51.100.100', now), COOKIE.BAD, `octet ${i}`);
  }
  t.is(answered(jar, `${cookie}00`, '198.51.100.100', now), cookie);
  t.is(judge(jar, '', '198.51.100.100', now), COOKIE.NONE);
  t.is(judge(jar, '2464c4abcf10c957', '198.51.100.100', now), COOKIE.CLIENT);
});

test('a jar that requires cookies sends a client without one to TCP, and one with a bad one for a good one', (t) => {
  const strict = new CookieJar({ secrets: [octets(OLD)], isRequired: true });
  t.deepEqual(
    Object.values(COOKIE).map((verdict) => strict.demand(verdict)),
    [DEMAND.TRUNCATE, DEMAND.REFUSE, DEMAND.REFUSE, DEMAND.ANSWER, DEMAND.ANSWER],
  );
  for (const verdict of Object.values(COOKIE)) t.is(jarOf(OLD).demand(verdict), DEMAND.ANSWER);
});

test('a jar needs a secret of 16 octets', (t) => {
  t.throws(() => jarOf(), { instanceOf: RangeError });
  t.throws(() => jarOf('00'.repeat(8)), { instanceOf: RangeError });
});

const read = (text: string): string | undefined => {
  const client = addressed(text);
  return client.length === 0 ? undefined : hex(client.octets.subarray(0, client.length));
};

test('an address is read from its text in any spelling, and a mapped one is the IPv4 address', (t) => {
  t.is(read('192.0.2.1'), 'c0000201');
  t.is(read('255.255.255.255'), 'ffffffff');
  t.is(read('::ffff:192.0.2.1'), 'c0000201');
  t.is(read('::ffff:c000:201'), 'c0000201');
  t.is(read('::'), '00'.repeat(16));
  t.is(read('::1'), `${'00'.repeat(15)}01`);
  t.is(read('2001:db8::'), `20010db8${'00'.repeat(12)}`);
  t.is(read('2001:DB8:0:0:0:0:0:1'), '20010db8000000000000000000000001');
  t.is(read('1:2:3:4:5:6:7::'), '00010002000300040005000600070000');
  t.is(read('64:ff9b::192.0.2.33'), '0064ff9b0000000000000000c0000221');
  t.is(read('fe80::1%eth0'), `fe80${'00'.repeat(13)}01`);
});

test('what is no address leaves none', (t) => {
  const texts = [
    ...['', '.', ':', ':::', '1.2.3', '1.2.3.4.5', '1.2.3.256', '1.2.3.', '.1.2.3', '1..2.3', '0001.2.3.4', '1.2.3.4:'],
    ...['1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2::3', ':1::', '1:', '::1:', '12345::', 'g::', '1:2:3:4:5:6:7:8::'],
    ...['::1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:1.2.3.4', '::1.2.3', '::ffff:1.2.3.4.5', '%eth0', 'example', '::1.2.3.4:1'],
  ];
  for (const text of texts) t.is(read(text), undefined, text);
});

test('every address comes out of its text as it went in', (t) => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      t.is(read(text), hex(Uint8Array.from(text.split('.'), Number)));
    }),
  );
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      t.true(read(text) !== undefined, text);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      fc.pre(bytes[0] !== 0);
      const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
      t.is(read(groups.join(':')), hex(bytes));
    }),
  );
});
