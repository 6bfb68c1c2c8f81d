/**
 * Transfers over IPv6, and with primaries of both families: our primary with BIND and with our secondary behind it, BIND with our secondary behind it, and
 * a secondary of ours that has a primary at an IPv4 and one at an IPv6 address. All in a namespace with these addresses, signed, told by NOTIFY.
 */
import anyTest from 'ava';
import { dig, type KeyText, keyParts } from '../support/dig.ts';
import { startNamed } from '../support/named.ts';
import { missing, testUnless } from '../support/needs.ts';
import { namespaceReason, startNamespace } from '../support/netns.ts';
import type { Owner } from '../support/owner.ts';
import type { Place } from '../support/process.ts';
import { makeRepository } from '../support/repository.ts';
import { type Scene, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';

const secrecy = secrecyOf(anyTest);
const absent = missing('git', 'dig', 'nsupdate', 'named');
const test = testUnless(anyTest, absent === undefined ? namespaceReason() : `needs ${absent.join(', ')}`);

const PORT = 53;
const PRIMARY = 'fd00:42::1';
const SECONDARY = 'fd00:42::2';
const BIND = 'fd00:42::3';
const OTHER_PRIMARY = '10.0.42.1';
const SECONDARY_TOO = '10.0.42.2';
const ZONE = 'mirage';

const label = (address: string): string => address.replaceAll(':', '-');
const keyFor = (primary: string, secondary: string): KeyText =>
  secrecy.newKey(`${label(primary)}.${label(secondary)}._transfer.${ZONE}`);

const admin = secrecy.newKey('admin._update');

/** Of more than 64 KiB. */
const bulk = Array.from({ length: 1500 }, (_, n) => `host${n} TXT "${'x'.repeat(60)}"\n`).join('');

const place = (owner: Owner): Promise<Place> =>
  startNamespace(owner, [PRIMARY, SECONDARY, BIND, OTHER_PRIMARY, SECONDARY_TOO]);

const serves = async (within: Place, server: string, serial: number | undefined): Promise<void> => {
  await until(async () => (await dig({ server, port: PORT, args: [ZONE, 'SOA'], within })).answer[0], {
    what: `${server} serves serial ${serial}`,
    holds: (soa) => soa?.data.split(' ')[2] === `${serial}`,
  });
};

const forms = (scene: Scene, event: string, key: KeyText): string[] =>
  scene.service.lines
    .filter(({ text }) => text.includes(`"event":"${event}"`))
    .map(({ text }) => JSON.parse(text))
    .filter((line) => event === 'transfer.in' || line.key === `${keyParts(key).name}.`)
    .map(({ form }) => form);

test.serial('over IPv6 BIND and our secondary follow our primary, by AXFR and by IXFR', async (t) => {
  const within = await place(t);
  const [ours, binds] = [keyFor(PRIMARY, SECONDARY), keyFor(PRIMARY, BIND)];
  const repository = await makeRepository(t, {
    _keys: [admin, ours, binds].map(keyLine).join(''),
    [ZONE]: zoneText(1, bulk),
  });
  const at = { port: PORT, within };
  const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path], { ...at, address: PRIMARY });
  await startScene(t, secrecy, 'secondary', ['--keys', ours], { ...at, address: SECONDARY });
  const primaries = [{ address: PRIMARY, key: binds }];
  await startNamed(t, { ...at, address: BIND, keys: [binds], zones: [{ name: ZONE, primaries }] });
  for (const server of [SECONDARY, BIND]) await serves(within, server, 1);
  for (const n of [1, 2, 3]) {
    const { code, text } = await primary.update(admin, `zone ${ZONE}`, `add u${n}.${ZONE} 60 A 192.0.2.${n}`);
    t.is(code, 0, text);
    for (const server of [SECONDARY, BIND]) await serves(within, server, await primary.serial(ZONE));
  }
  for (const server of [SECONDARY, BIND]) {
    const { answer } = await dig({ server, port: PORT, args: [`u3.${ZONE}`, 'A'], within });
    t.is(answer[0]?.data, '192.0.2.3', server);
  }
  for (const key of [ours, binds])
    await until(() => forms(primary, 'transfer.out', key).join(' '), {
      what: `transfers with ${key.split(':')[0]} are told, some time after they have arrived`,
      holds: (seen) => seen === 'AXFR IXFR IXFR IXFR',
    });
});

test.serial('over IPv6 our secondary follows BIND, by AXFR and by IXFR', async (t) => {
  const within = await place(t);
  const key = keyFor(BIND, SECONDARY);
  const named = await startNamed(t, {
    address: BIND,
    port: PORT,
    within,
    keys: [key],
    zones: [
      {
        name: ZONE,
        text: zoneText(1, bulk),
        allowTransfer: [`key "${keyParts(key).name}"`],
        alsoNotify: [{ address: SECONDARY, key }],
      },
    ],
  });
  const ours = await startScene(t, secrecy, 'secondary', ['--keys', key], {
    address: SECONDARY,
    port: PORT,
    within,
  });
  await serves(within, SECONDARY, 1);
  named.write(ZONE, zoneText(2, `${bulk}new A 192.0.2.7\n`));
  await named.reload();
  await serves(within, SECONDARY, 2);
  t.is(await ours.look(`new.${ZONE}`), 'NOERROR 192.0.2.7');
  t.deepEqual(forms(ours, 'transfer.in', key), ['AXFR', 'IXFR']);
});

test.serial(
  'a secondary follows whichever of its primaries is there, one at an IPv4 and one at an IPv6 address',
  async (t) => {
    const within = await place(t);
    const [four, six] = [keyFor(OTHER_PRIMARY, SECONDARY_TOO), keyFor(PRIMARY, SECONDARY)];
    const repository = await makeRepository(t, {
      _keys: [admin, four, six].map(keyLine).join(''),
      [ZONE]: zoneText(1),
    });
    const begin = (address: string): Promise<Scene> =>
      startScene(t, secrecy, 'primary', ['--remote', repository.path, '--ack', 'push'], {
        address,
        port: PORT,
        within,
      });
    const keys = ['--keys', four, '--keys', six];
    const secondary = await startScene(t, secrecy, 'secondary', ['--listen', SECONDARY_TOO, ...keys], {
      address: SECONDARY,
      port: PORT,
      within,
    });
    for (const [n, address] of [OTHER_PRIMARY, PRIMARY, OTHER_PRIMARY].entries()) {
      const primary = await begin(address);
      const { code, text } = await primary.update(admin, `zone ${ZONE}`, `add u${n}.${ZONE} 60 A 192.0.2.${n}`);
      t.is(code, 0, text);
      await secondary.shows(`NOERROR 192.0.2.${n}`, `u${n}.${ZONE}`);
      t.is((await primary.service.stop()).code, 0);
    }
  },
);
