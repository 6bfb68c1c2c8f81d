/**
 * Our transfers as BIND, Knot and NSD take them, signed: a zone of more than 64 KiB with all that is odd in it, differences, those
 * condensed from several, and the whole zone in answer to an IXFR. After each the zones are compared record by record.
 *
 * The others listen on 127.0.0.1, so ours is at 127.0.0.2.
 */
import anyTest, { type ExecutionContext } from 'ava';
import { dig, type KeyText, keyParts } from '../support/dig.ts';
import { FOLLOWER, type FollowerName, startFollower } from '../support/followers.ts';
import { testWith } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { type Program, run, signalGroup } from '../support/process.ts';
import { makeRepository } from '../support/repository.ts';
import { type Scene, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';

const secrecy = secrecyOf(anyTest);
const testClients = testWith(anyTest, ['git', 'dig', 'kdig']);

const OURS = '127.0.0.2';
const ZONE = 'mirage';

/** Glue, what lies below a cut, names and data that want escapes, types that nobody knows. */
const ODD = `sub NS ns.sub
 NS ns.elsewhere.example.
ns.sub A 192.0.2.1
 AAAA 2001:db8::1
www.sub A 192.0.2.2
deep.er.sub NS ns.sub
*.w CNAME www
x.*.w TXT "below a wildcard"
a.b.c.d A 192.0.2.3
d2 DNAME other.example.
quote TXT "a\\"b" "\\255" ""
\\000odd\\.label A 192.0.2.4
CaSe A 192.0.2.5
u TYPE65400 \\# 3 0a0b0c
set A 192.0.2.1
 A 192.0.2.2
 A 192.0.2.3
`;
const bulk = (value: number, count = 2500): string =>
  Array.from(
    { length: count },
    (_, n) => `host${n} A 10.${value}.${n >> 8}.${n & 255}\n TXT "host ${n}" "${'x'.repeat(60)}"\n`,
  ).join('');

/** Everything of a zone as dig got it by a signed transfer, sorted, the SOA once. */
const whole = async (t: ExecutionContext<unknown>, server: string, port: number, key: KeyText): Promise<string[]> => {
  const reply = await dig({ server, port, args: [ZONE, 'AXFR'], key, owner: t });
  t.is(reply.status, 'NOERROR', reply.text.slice(0, 500));
  return [...new Set(reply.answer.map(({ name, ttl, type, data }) => `${name} ${ttl} ${type} ${data}`))].sort();
};

const onlyIn = (some: readonly string[], others: readonly string[]): string[] => {
  const known = new Set(others.map((line) => line.toLowerCase()));
  return some.filter((record) => !known.has(record.toLowerCase())).slice(0, 5);
};

interface Pair {
  readonly primary: Scene;
  readonly follower: Program;
  readonly port: number;
  readonly key: KeyText;
}

/** Waits until the follower has what we have, and compares. */
const areLevel = async (t: ExecutionContext<unknown>, { primary, port, key }: Pair, what: string): Promise<void> => {
  const ours = await primary.serial(ZONE);
  const theirs = async (): Promise<string> => {
    const { answer } = await dig({ server: FOLLOWER, port, args: [ZONE, 'SOA'] });
    return answer[0]?.data.split(' ')[2] ?? 'none';
  };
  await until(theirs, { what: `serial ${ours}: ${what}`, holds: (serial) => serial === `${ours}`, timeout: 20_000 });
  const [left, right] = [await whole(t, OURS, port, key), await whole(t, FOLLOWER, port, key)];
  t.deepEqual(onlyIn(left, right), [], `only in ours: ${what}`);
  t.deepEqual(onlyIn(right, left), [], `only in theirs: ${what}`);
};

for (const name of ['named', 'knotd', 'nsd'] as const satisfies readonly FollowerName[]) {
  testWith(anyTest, [name, 'git', 'dig', 'nsupdate']).serial(
    `${name} takes our zone of more than 64 KiB, differences, condensed ones, and the whole zone by IXFR`,
    async (t) => {
      const admin = secrecy.newKey('admin._update');
      const key = secrecy.newKey(`${OURS}.${FOLLOWER}._transfer.${ZONE}`, 'SHA256');
      const repository = await makeRepository(t, {
        _keys: [admin, key].map(keyLine).join(''),
        [ZONE]: zoneText(1, ODD + bulk(1)),
      });
      const port = await freePort(OURS, FOLLOWER);
      const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path], { address: OURS, port });
      const follower = await startFollower[name](t, { zone: ZONE, primary: OURS, port, key });
      const pair = { primary, follower, port, key };
      const update = async (...commands: readonly string[]): Promise<void> => {
        const { code, text } = await primary.update(admin, `zone ${ZONE}`, ...commands);
        t.is(code, 0, text);
      };
      await areLevel(t, pair, 'AXFR');
      const { messages } = await primary.service.waitForEvent('transfer.out', { zone: `${ZONE}.`, serial: 1 });
      t.true(Number(messages) > 8, `${messages} messages`);

      await update(`add new.${ZONE} 60 A 192.0.2.7`, `del host7.${ZONE}`, `add set.${ZONE} 60 A 192.0.2.4`);
      await areLevel(t, pair, 'one difference');

      signalGroup(follower.pid, 'SIGSTOP');
      await update(`add brief.${ZONE} 60 A 192.0.2.8`, `del host8.${ZONE}`);
      await update(`del set.${ZONE} A 192.0.2.1`, `add set.${ZONE} 90 A 192.0.2.9`);
      await update(`del brief.${ZONE}`, `add host8.${ZONE} 3600 A 10.1.0.8`);
      await update(`del www.sub.${ZONE}`, `add new.${ZONE} 61 A 192.0.2.7`);
      await update(`add new.${ZONE} 60 A 192.0.2.7`);
      signalGroup(follower.pid, 'SIGCONT');
      await areLevel(t, pair, 'five differences as one');
      const out = primary.service.lines.filter(({ text }) => text.includes('"transfer.out"'));
      const long = out.filter(({ text }) => !text.includes('"messages":1}'));
      t.is(long.length, 1 + 3, 'the whole zone went out once, and to dig each time that it was compared');

      const served = (await primary.serial(ZONE))!;
      await repository.push({ [ZONE]: zoneText(served + 10, ODD + bulk(2, 200)) });
      primary.service.signal('SIGHUP');
      await until(() => primary.serial(ZONE), { what: 'the commit is served', holds: (it) => it === served + 10 });
      await areLevel(t, pair, 'the whole zone, which is shorter than what changed');

      t.notRegex(
        follower.text(),
        /BADSIG|BADKEY|tsig verify failure|malformed|bad (?:xfr|data|transfer)|not exact|failed to apply|FORMERR|transfer status: (?!success|up to date)/i,
      );
    },
  );
}

testClients.serial('dig and kdig take each form of an IXFR, over TCP and over UDP', async (t) => {
  const admin = secrecy.newKey('admin._update');
  const key = secrecy.newKey(`k._transfer.${ZONE}`, 'SHA512');
  const repository = await makeRepository(t, {
    _keys: [admin, key].map(keyLine).join(''),
    [ZONE]: zoneText(1, ODD + bulk(1, 400)),
  });
  const port = await freePort(OURS);
  const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path], { address: OURS, port });
  for (const commands of [
    [`add brief.${ZONE} 60 A 192.0.2.8`],
    [`del brief.${ZONE}`, `add new.${ZONE} 60 A 192.0.2.7`],
  ])
    t.is((await primary.update(admin, `zone ${ZONE}`, ...commands)).code, 0);
  const serial = (await primary.serial(ZONE))!;
  const types = async (args: readonly string[]): Promise<string> => {
    const reply = await dig({ server: OURS, port, args: [ZONE, ...args], key, owner: t });
    t.true(reply.isVerified, reply.text);
    return reply.answer.length > 20 ? `${reply.answer.length} records` : reply.answer.map(({ type }) => type).join(' ');
  };
  for (const transport of ['+tcp', '+notcp']) {
    t.is(await types(['IXFR=1', transport]), 'SOA SOA SOA A SOA', `condensed ${transport}`);
    t.is(await types([`IXFR=${serial}`, transport]), 'SOA', `nothing newer ${transport}`);
    t.is(await types([`IXFR=${serial + 1}`, transport]), 'SOA', `newer than ours ${transport}`);
  }
  t.is(await types(['IXFR=0', '+tcp']), '822 records', 'unknown');
  t.is(await types(['IXFR=0', '+notcp']), 'SOA');

  const { name, algorithm, secret } = keyParts(key);
  for (const [type, count] of [
    ['IXFR=1', 5],
    ['IXFR=0', 822],
    ['AXFR', 822],
  ] as const) {
    const ran = await run('kdig', [`@${OURS}`, '-p', `${port}`, '-y', `${algorithm}:${name}:${secret}`, ZONE, type]);
    const text = ran.stdout + ran.stderr;
    t.is(/\(\d+ messages?, (\d+) records?\)/.exec(text)?.[1], `${count}`, text.slice(-500));
    t.notRegex(text, /^;; (?:WARNING|ERROR)/m);
  }
});
