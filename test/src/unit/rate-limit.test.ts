/** Response rate limiting: buckets, what shares one, and what becomes of responses too many. */

import { ClientAddress } from '@zonewright/common/authority/client-address';
import { RATE, RATE_BUCKETS, RateLimiter, RESPONSE_KIND } from '@zonewright/common/authority/rate-limit';
import test from 'ava';

const addressed = (text: string): ClientAddress => {
  const client = new ClientAddress();
  client.read(text);
  return client;
};

const { ANSWER, NXDOMAIN } = RESPONSE_KIND;
const limiter = (rate: number, slip = 0): RateLimiter => new RateLimiter({ rate, slip, seed: 0x5eed });

/** How many of so many responses at one time are sent. */
const sent = (of: RateLimiter, count: number, client: string, now: number, kind: number = ANSWER, hash = 1): number => {
  const address = addressed(client);
  let answers = 0;
  for (let i = 0; i < count; i++) if (of.judge(address, kind, hash, now) === RATE.ANSWER) answers++;
  return answers;
};

test('a prefix gets as many alike responses in a second as the rate says', (t) => {
  const of = limiter(10);
  t.is(sent(of, 100, '192.0.2.1', 0), 10);
  t.is(sent(of, 100, '192.0.2.1', 99), 0);
  t.is(sent(of, 100, '192.0.2.1', 200), 2);
  t.is(sent(of, 100, '192.0.2.1', 60_000), 10, 'never more than a second at once');
  t.is(of.dropped, 378);
});

test('an IPv4 /24 and an IPv6 /56 share, others do not', (t) => {
  const of = limiter(5);
  t.is(sent(of, 5, '192.0.2.1', 0), 5);
  t.is(sent(of, 5, '192.0.2.254', 0), 0);
  t.is(sent(of, 5, '192.0.3.1', 0), 5);
  t.is(sent(of, 5, '2001:db8:0:1::1', 0), 5);
  t.is(sent(of, 5, '2001:db8:0:ff::2', 0), 0);
  t.is(sent(of, 5, '2001:db8:0:100::1', 0), 5);
});

test('other names and other kinds of response have buckets of their own', (t) => {
  const of = limiter(5);
  t.is(sent(of, 10, '192.0.2.1', 0, ANSWER, 1), 5);
  t.is(sent(of, 10, '192.0.2.1', 0, ANSWER, 2), 5);
  t.is(sent(of, 10, '192.0.2.1', 0, NXDOMAIN, 1), 5);
});

test('of responses too many every second is truncated, every one, or none', (t) => {
  const client = addressed('192.0.2.1');
  const judged = (slip: number): number[] => {
    const of = limiter(1, slip);
    return Array.from({ length: 5 }, () => of.judge(client, ANSWER, 1, 0));
  };
  t.deepEqual(judged(2), [RATE.ANSWER, RATE.DROP, RATE.SLIP, RATE.DROP, RATE.SLIP]);
  t.deepEqual(judged(1), [RATE.ANSWER, RATE.SLIP, RATE.SLIP, RATE.SLIP, RATE.SLIP]);
  t.deepEqual(judged(0), [RATE.ANSWER, RATE.DROP, RATE.DROP, RATE.DROP, RATE.DROP]);
  const of = limiter(1, 2);
  sent(of, 101, '192.0.2.1', 0);
  t.deepEqual([of.slipped, of.dropped], [50, 50]);
});

test('a clock that is set back stops nobody for long, and one that goes round nobody', (t) => {
  const of = limiter(5);
  t.is(sent(of, 5, '192.0.2.1', 1_000_000), 5);
  t.is(sent(of, 5, '192.0.2.1', 0), 0);
  t.is(sent(of, 5, '192.0.2.1', 1000), 5);
  t.is(sent(of, 10, '192.0.2.1', 2 ** 32 - 1), 0, 'within the jump');
  t.is(sent(of, 10, '192.0.2.1', 2 ** 32 + 999), 5);
});

test('a flood from everywhere that is held to the rate frees nobody who was held', (t) => {
  const of = limiter(5);
  const flood = addressed('10.0.0.0');
  // As many prefixes as a quarter of the table, each asking more than once, beside one that never stops.
  let answers = 0;
  for (let i = 0; i < RATE_BUCKETS / 4; i++) {
    flood.octets[1] = i >> 8;
    flood.octets[2] = i;
    of.judge(flood, ANSWER, i, 0);
    if (i % 16 === 0) answers += sent(of, 1, '192.0.2.1', 0);
  }
  t.true(answers <= 10, `${answers} answers`);
});

test('the seed decides who shares a bucket when the table is full, not the one who asks', (t) => {
  const held = (seed: number): string => {
    const of = new RateLimiter({ rate: 1, slip: 0, seed });
    const client = addressed('10.0.0.0');
    const all = (): string => {
      const judged: number[] = [];
      for (let i = 0; i < 2 * RATE_BUCKETS; i++) judged.push(of.judge(client, ANSWER, i, 0));
      return judged.join('');
    };
    all();
    return all();
  };
  t.not(held(1), held(2));
});
