/** When a secondary asks (`authority/refresh.ts`). What the replica makes of it is `unit/refresh-timers`. */
import {
  dueNow,
  expireSaid,
  isVouchedFor,
  newRefresh,
  nextDue,
  type Refresh,
  type RefreshEvent,
  restoredRefresh,
  step,
  timeLeft,
} from '@zonewright/common/authority/refresh';
import { Name } from '@zonewright/common/name';
import type { Soa } from '@zonewright/common/rr/soa';
import test from 'ava';

const SOA: Soa = {
  mname: Name.root,
  rname: Name.root,
  serial: 1,
  refresh: 3600,
  retry: 600,
  expire: 86_400,
  minimum: 300,
};
const S = 1000;

/** Runs a refresh on a virtual clock to `until`; each question takes a second. Gives what was done when, in seconds. */
const run = (
  from: number,
  until: number,
  start: Refresh,
  answer: (at: number) => Soa | undefined,
): { done: string[]; refresh: Refresh } => {
  let refresh = start;
  const done: string[] = [];
  for (let now = from; now <= until; now = Math.max(now, nextDue(refresh))) {
    const due = dueNow(refresh, now);
    if (due === undefined) throw new Error(`nothing is due at ${now}`);
    if (done.length > 1000) throw new Error('it does not rest');
    done.push(`${due} ${now / S}`);
    if (due === 'expire') {
      refresh = step(refresh, { kind: 'expired' }, now, 0);
      continue;
    }
    refresh = step(refresh, { kind: 'started' }, now, 0);
    const soa = answer(now);
    refresh = step(
      refresh,
      soa === undefined ? { kind: 'failed', isBad: false } : { kind: 'succeeded', soa, isNew: true },
      now + S,
      0,
    );
  }
  return { done, refresh };
};

test('a zone is asked for at once, then at its refresh', (t) => {
  const { done } = run(0, 8000 * S, newRefresh(0), () => SOA);
  t.deepEqual(done, ['ask 0', 'ask 3601', 'ask 7202']);
});

test('failures are retried with back-off up to the retry of the SOA, and the zone expires counted from the last success', (t) => {
  const { done, refresh } = run(0, 90_000 * S, newRefresh(0), (at) => (at === 0 ? SOA : undefined));
  const asked = done.filter((each) => each.startsWith('ask')).map((each) => Number(each.slice(4)));
  const gaps = asked.slice(2).map((at, i) => at - asked[i + 1]! - 1);
  t.deepEqual(gaps.slice(0, 12), [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
  t.deepEqual(
    done.filter((each) => each.startsWith('expire')),
    ['expire 86401'],
  );
  t.is(refresh.soa, undefined);
  t.is(asked.find((at) => at > 86_401)! <= 86_402, true, 'without data it is asked for at once');
  t.true(
    gaps.slice(-5).every((gap) => gap <= 300),
    'and then every five minutes',
  );
});

test('a zone that has expired recovers', (t) => {
  const { refresh } = run(0, 90_000 * S, newRefresh(0), (at) => (at === 0 ? SOA : undefined));
  const again = run(refresh.askAt, refresh.askAt + 4000 * S, refresh, () => SOA);
  t.is(again.done.length, 2);
  t.is(again.refresh.failures, 0);
  t.is(again.refresh.expireAt, refresh.askAt + 3601 * S + S + 86_400 * S);
});

test('an SOA whose expiry is before its refresh does not lose its zone while the primary answers', (t) => {
  for (const [refresh, expire] of [
    [86_400, 600],
    [3600, 3600],
    [600, 4],
  ] as const) {
    const { done } = run(0, 2 * Math.min(refresh, 500) * S, newRefresh(0), () => ({ ...SOA, refresh, expire }));
    t.true(done.length > 1 || refresh > 600);
    t.true(
      done.every((each) => each.startsWith('ask')),
      `${refresh} ${expire}: ${done.slice(0, 3).join(', ')}`,
    );
  }
  const { done } = run(0, 100 * S, newRefresh(0), () => ({ ...SOA, refresh: 0, retry: 0, expire: 0 }));
  t.true(done.length < 250, 'nonsense does not make it busy');
});

test('NOTIFY makes it ask at once, and once more when it came in meanwhile', (t) => {
  const events = (...kinds: readonly (RefreshEvent | 'notified' | 'started')[]): Refresh =>
    kinds.reduce<Refresh>(
      (state, event, i) => step(state, typeof event === 'string' ? { kind: event } : event, (i + 1) * S, 0),
      newRefresh(0),
    );
  const success = { kind: 'succeeded', soa: SOA, isNew: true } as const;
  t.is(events('started', success, 'notified').askAt, 3 * S);
  const busy = events('started', 'notified', 'notified');
  t.is(dueNow(busy, 10 * S), undefined, 'one at a time');
  t.is(nextDue(busy), Number.POSITIVE_INFINITY);
  t.like(step(busy, success, 5 * S, 0), { askAt: 5 * S, again: undefined, isBusy: false });
  t.like(step(busy, { kind: 'failed', isBad: false }, 5 * S, 0), { askAt: 5 * S, failures: 1 });
  t.like(events('started', 'notified', success, 'started', success), { askAt: 5 * S + 3600 * S });
  const old = events('started', success, 'started');
  t.is(dueNow(old, 2 * S + 86_400 * S), 'expire', 'also while it is busy');
  const expired = step(old, { kind: 'expired' }, 86_402 * S, 0);
  t.true(expired.isBusy);
  t.is(dueNow(expired, 10 ** 9), undefined);
});

test('zones do not ask in step', (t) => {
  const at = (random: number): number =>
    step(newRefresh(0), { kind: 'succeeded', soa: SOA, isNew: true }, 0, random).askAt;
  t.is(at(0), 3600 * S);
  t.is(at(1), 3240 * S);
  const wait = (random: number): number => step(newRefresh(0), { kind: 'failed', isBad: false }, 0, random).askAt;
  t.deepEqual([wait(0), wait(1)], [1000, 900]);
});

const success = (soa: Soa, isNew: boolean, expire?: number): RefreshEvent => ({
  kind: 'succeeded',
  soa,
  isNew,
  expire,
});

/** Asked once and told of a first version. */
const current = (at: number): Refresh =>
  step(step(newRefresh(at), { kind: 'started' }, at, 0), success(SOA, true), at, 0);

/** Asks at `at`, and is told. */
const told = (refresh: Refresh, event: RefreshEvent, at: number): Refresh =>
  step(step(refresh, { kind: 'started' }, at, 0), event, at, 0);

test('RFC 7314 4: what a primary says of the expiry of its own copy counts, never above the SOA', (t) => {
  t.is(told(newRefresh(0), success(SOA, true, 100), 0).expireAt, 100 * S, 'transferred: it replaces the SOA');
  t.is(told(newRefresh(0), success(SOA, true, 100_000), 0).expireAt, 86_400 * S);
  t.is(
    told(current(0), success(SOA, false, 100), 10 * S).expireAt,
    86_400 * S,
    'current: it lengthens, and never shortens',
  );
  t.is(told(current(0), success(SOA, false, 86_400), 10 * S).expireAt, 86_410 * S);
  t.is(
    told(current(0), success(SOA, false), 10 * S).expireAt,
    86_410 * S,
    'a primary that does not say is one that has the zone',
  );
});

test('RFC 7314 4: a primary that may serve its own copy for a second at most vouches for nothing, unless that is what the SOA says', (t) => {
  t.deepEqual(
    [undefined, 0, 1, 2, 86_400].map((expire) => isVouchedFor(SOA, expire)),
    [true, false, false, true, true],
  );
  for (const expire of [0, 1]) t.true(isVouchedFor({ ...SOA, expire }, expire));
  for (const expire of [0, 1, 2]) {
    const soa = { ...SOA, expire };
    const alive = (left: number): boolean => isVouchedFor(soa, expireSaid(soa, left));
    t.deepEqual([0, 1000, 1999, 2000, 3000].map(alive), [false, false, false, true, true], 'a copy');
    for (const left of [2000, 2999, 3000]) {
      const { expireAt } = told(newRefresh(0), success(soa, true, expireSaid(soa, left)), 0);
      t.is(expireAt, left - (left % S), 'it lives no longer than what it comes from');
    }
  }
});

test('RFC 7314 3.2: a copy says the seconds that it has left, and never just what who has the zone says', (t) => {
  const said = (expire: number): readonly number[] =>
    [0, 999, 1000, 2500, 3000, 4999].map((left) => expireSaid({ ...SOA, expire }, left));
  t.deepEqual(said(86_400), [0, 0, 1, 2, 3, 4]);
  t.deepEqual(said(0), [1, 1, 2, 3, 4, 5]);
  t.deepEqual(said(1), [0, 0, 2, 3, 4, 5]);
  t.deepEqual(said(2), [0, 0, 1, 3, 4, 5]);
  t.is(expireSaid(SOA, 86_400 * S), 86_399);
});

test('a NOTIFY that came in meanwhile and names nothing newer than what was transferred has nobody asked again', (t) => {
  const busy = step(current(0), { kind: 'started' }, S, 0);
  const notified = (serial?: number): Refresh => step(busy, { kind: 'notified', serial }, 2 * S, 0);
  const two = success({ ...SOA, serial: 2 }, true);
  t.is(step(notified(2), two, 3 * S, 0).askAt, 3603 * S);
  t.is(step(notified(3), two, 3 * S, 0).askAt, 3 * S);
  t.is(step(notified(), two, 3 * S, 0).askAt, 3 * S);
  const late = step(notified(3), { kind: 'notified', serial: 2 }, 2 * S, 0);
  t.is(step(late, two, 3 * S, 0).askAt, 3 * S, 'one that comes late does not hide the newest');
});

test('a storm of NOTIFYs that lead to nothing has a primary asked once a second', (t) => {
  let refresh = current(0);
  let asked = 0;
  for (let now = 0; now < 10 * S; now++) {
    refresh = step(refresh, { kind: 'notified' }, now, 0);
    if (dueNow(refresh, now) !== 'ask') continue;
    asked++;
    refresh = told(refresh, asked % 2 === 0 ? success(SOA, false) : { kind: 'failed', isBad: false }, now);
  }
  t.true(asked >= 10 && asked <= 15, `${asked}`);
  refresh = step(refresh, { kind: 'notified' }, 20 * S, 0);
  t.is(refresh.askAt, 20 * S, 'after it one is heeded at once');
});

test('what cannot be used is transferred ever more rarely, whatever the SOA and NOTIFYs say', (t) => {
  let refresh = told(newRefresh(0), success({ ...SOA, retry: 1 }, true), 0);
  const asked: number[] = [];
  for (let now = S; now < 3600 * S; now += S) {
    refresh = step(refresh, { kind: 'notified' }, now, 0);
    if (dueNow(refresh, now) !== 'ask') continue;
    asked.push(now / S);
    refresh = told(refresh, { kind: 'failed', isBad: true }, now);
  }
  t.deepEqual(asked.slice(0, 8), [1, 2, 4, 8, 16, 32, 64, 124], 'NOTIFYs are held for a minute at most');
  const unasked = told(refresh, { kind: 'failed', isBad: true }, 3600 * S);
  t.is(unasked.askAt, 3900 * S, 'without them it is five minutes');
});

test('what may have been missed is asked for, unless the primary says by itself that it was nothing: then at the time it was due', (t) => {
  const { refresh: current } = run(0, 0, newRefresh(0), () => SOA);
  const doubted = step(current, { kind: 'doubted' }, 100 * S, 0);
  t.is(dueNow(doubted, 100 * S), 'ask');
  t.deepEqual(step(doubted, { kind: 'doubted' }, 101 * S, 0), doubted);
  const queued = step(doubted, { kind: 'queued' }, 101 * S, 0);
  t.is(nextDue(queued), current.expireAt!, 'it expires in the meantime');
  for (const each of [doubted, queued])
    t.deepEqual(
      step(each, { kind: 'reassured' }, 102 * S, 0),
      current,
      'neither its refresh nor its expiry is another',
    );
  t.deepEqual(step(queued, { kind: 'reassured' }, 4000 * S, 0), queued, 'it is due anyhow');
  t.is(step(queued, { kind: 'notified' }, 102 * S, 0).askAt, 102 * S);
  const asked = step(queued, { kind: 'started' }, 102 * S, 0);
  t.deepEqual(step(asked, { kind: 'reassured' }, 102 * S, 0), asked);
  t.is(step(current, { kind: 'reassured' }, 102 * S, 0), current);
  const failed = step(asked, { kind: 'failed', isBad: false }, 103 * S, 0);
  t.is(step(failed, { kind: 'reassured' }, 103 * S, 0), failed, 'who does not answer is asked again');
});

test('a copy from before is served for as long as it had left, and a clock that was set changes little about that', (t) => {
  const kept = { checkedAt: 1000 * S, expireAt: 87_400 * S };
  const expiry = (wall: number): number | undefined => restoredRefresh(5 * S, SOA, timeLeft(kept, wall), 0).expireAt;
  t.is(expiry(1000 * S), 86_405 * S);
  t.is(expiry(80_000 * S), 7405 * S);
  t.is(expiry(10 * S), 86_405 * S, 'set back: as long as there was left when it was checked');
  t.is(expiry(87_400 * S), undefined, 'it is over');
  const odd = { checkedAt: 0, expireAt: 10 ** 12 * S };
  t.is(restoredRefresh(0, SOA, timeLeft(odd, 0), 0).expireAt, 86_400 * S, 'never longer than the SOA says');
  t.is(restoredRefresh(0, SOA, 10, 0).askAt, 0, 'it is asked for at once');
});

test('a zone whose SOA has it expire at once is served as long as its primary is there, and a moment longer', (t) => {
  for (const expire of [0, 1, 2]) {
    const soa = { ...SOA, refresh: 0, retry: 0, expire };
    const { done, refresh } = run(0, 60 * S, newRefresh(0), () => soa);
    t.deepEqual(
      done.filter((what) => !what.startsWith('ask')),
      [],
    );
    const { done: alone } = run(nextDue(refresh), 70 * S, refresh, () => undefined);
    t.is(alone.filter((what) => what.startsWith('expire')).length, 1);
  }
});
