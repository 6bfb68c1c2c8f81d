/** What a primary knows of its secondaries, ours and others: on its status page, and before it acknowledges an update. */
import anyTest from 'ava';
import type { KeyText } from '../support/dig.ts';
import { type FollowerName, startFollower } from '../support/followers.ts';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { makeRepository } from '../support/repository.ts';
import { PRIMARY, type Scene, SECONDARY, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git', 'dig', 'nsupdate']);

const THIRD = '127.0.0.3';
const admin = secrecy.newKey('admin._update');
const first = secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer.mirage`);
const second = secrecy.newKey(`${PRIMARY}.${THIRD}._transfer.mirage`);

interface Seen {
  readonly secondary: string;
  readonly serial?: number;
  readonly lag: number;
}

/** What the primary says of the secondaries of its first zone. */
const seenBy = async (http: string): Promise<readonly Seen[]> => {
  const status = (await (await fetch(`http://${http}/status`)).json()) as {
    readonly zones: readonly { readonly secondaries: readonly Seen[] }[];
  };
  return status.zones[0]?.secondaries ?? [];
};

const metric = async (http: string, name: string): Promise<number> => {
  const text = await (await fetch(`http://${http}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
};

test.serial(
  'with --ack secondaries what is acknowledged is served by all of them, or is SERVFAIL and kept',
  async (t) => {
    const repository = await makeRepository(t, {
      _keys: [admin, first, second].map(keyLine).join(''),
      mirage: zoneText(1),
    });
    const port = await freePort(PRIMARY, SECONDARY, THIRD);
    const http = `${PRIMARY}:${await freePort(PRIMARY)}`;
    const flags = [
      '--remote',
      repository.path,
      '--data',
      temporaryFolder(t, 'data'),
      '--ack',
      'secondaries',
      '--http',
      http,
    ];
    const primary = await startScene(t, secrecy, 'primary', flags, { port });
    const start = (address: string, key: string): Promise<Scene> =>
      startScene(t, secrecy, 'secondary', ['--keys', key], { address, port });
    const secondaries = [await start(SECONDARY, first), await start(THIRD, second)];
    for (const each of secondaries) await each.shows('NOERROR 127.0.0.1', 'ns.mirage');

    for (let n = 1; n <= 5; n++) {
      t.is((await primary.update(admin, 'zone mirage', `add u${n}.mirage 60 A 192.0.2.${n}`)).code, 0);
      for (const each of secondaries) t.is(await each.look(`u${n}.mirage`), `NOERROR 192.0.2.${n}`, 'without waiting');
    }
    t.deepEqual(
      (await seenBy(http)).map(({ secondary, serial, lag }) => [secondary, serial, lag]),
      [
        [SECONDARY, 6, 0],
        [THIRD, 6, 0],
      ],
    );
    t.is(await metric(http, 'zonewright_secondaries_behind'), 0);

    const [, third] = secondaries;
    third!.service.signal('SIGSTOP');
    const late = await primary.update(admin, 'zone mirage', 'add late.mirage 60 A 192.0.2.9');
    t.not(late.code, 0);
    const said = await primary.service.waitForEvent('update.unspread');
    t.is(said.message, 'kept and served here; only 1 of 2 secondaries serve serial 7');
    t.is(await primary.look('late.mirage'), 'NOERROR 192.0.2.9');
    t.is(await secondaries[0]!.look('late.mirage'), 'NOERROR 192.0.2.9');
    t.is(await metric(http, 'zonewright_secondaries_behind'), 1);
    t.true((await metric(http, 'zonewright_secondary_lag_seconds')) >= 5);
    third!.service.signal('SIGCONT');
    t.is((await primary.update(admin, 'zone mirage', 'add late.mirage 60 A 192.0.2.9')).code, 0, 'the same again');
    t.is(await third!.look('late.mirage'), 'NOERROR 192.0.2.9');
  },
);

test.serial('--ack secondaries=1 is content with one', async (t) => {
  const repository = await makeRepository(t, {
    _keys: [admin, first, second].map(keyLine).join(''),
    mirage: zoneText(1),
  });
  const port = await freePort(PRIMARY, SECONDARY);
  const flags = ['--remote', repository.path, '--data', temporaryFolder(t, 'data'), '--ack', 'secondaries=1'];
  const primary = await startScene(t, secrecy, 'primary', flags, { port });
  t.is(primary.service.ready.ack, 'secondaries=1');
  const secondary = await startScene(t, secrecy, 'secondary', ['--keys', first], { port });
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  t.is((await primary.update(admin, 'zone mirage', 'add www.mirage 60 A 192.0.2.1')).code, 0);
  t.is(await secondary.look('www.mirage'), 'NOERROR 192.0.2.1');
});

test.serial(
  'who is named by a new key is told of zones that stay as they are, and who is named no more is not waited for',
  async (t) => {
    const files = (...keys: readonly KeyText[]) => ({ _keys: keys.map(keyLine).join(''), mirage: zoneText(1) });
    const repository = await makeRepository(t, files(admin, first));
    const port = await freePort(PRIMARY, SECONDARY, THIRD);
    const http = `${PRIMARY}:${await freePort(PRIMARY)}`;
    const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path, '--http', http], { port });
    const seen = async (): Promise<string> =>
      (await seenBy(http)).map(({ secondary, serial }) => `${secondary} ${serial ?? '-'}`).join(', ');
    const shows = (expected: string) => until(seen, { what: expected, holds: (is) => is === expected });
    await shows(`${SECONDARY} -`);
    await repository.push(files(admin, second));
    primary.service.signal('SIGHUP');
    await shows(`${THIRD} -`);
    const late = await startScene(t, secrecy, 'secondary', ['--keys', first], { port });
    await late.service.waitForEvent('refresh.failed');
    await repository.push(files(admin, first));
    primary.service.signal('SIGHUP');
    await shows(`${SECONDARY} 1`);
    t.is(await metric(http, 'zonewright_secondaries_behind'), 0);
  },
);

for (const name of ['named', 'knotd', 'nsd', 'pdns_server'] satisfies readonly FollowerName[]) {
  testWith(anyTest, [name, 'git', 'dig', 'nsupdate']).serial(
    `what ${name} serves as a secondary is known`,
    async (t) => {
      const peer = secrecy.newKey('127.0.0.9.127.0.0.1._transfer.mirage');
      const repository = await makeRepository(t, { _keys: [admin, peer].map(keyLine).join(''), mirage: zoneText(1) });
      const address = '127.0.0.9';
      const port = await freePort(address, PRIMARY);
      const http = `${PRIMARY}:${await freePort(PRIMARY)}`;
      const flags = ['--remote', repository.path, '--data', temporaryFolder(t, 'data'), '--http', http];
      const primary = await startScene(t, secrecy, 'primary', flags, { address, port });
      await startFollower[name](t, { zones: [{ zone: 'mirage', key: peer }], primary: address, port });
      const isCurrent =
        (serial: number) =>
        ([seen]: readonly Seen[]) =>
          seen?.secondary === PRIMARY && seen.serial === serial && seen.lag === 0;
      await until(() => seenBy(http), { what: `${name} is current`, holds: isCurrent(1), timeout: 20_000 });
      t.is((await primary.update(admin, 'zone mirage', 'add www.mirage 60 A 192.0.2.1')).code, 0);
      await until(() => seenBy(http), { what: `${name} is current again`, holds: isCurrent(2), timeout: 20_000 });
      t.pass();
    },
  );
}
