/**
 * Our secondary takes zones of other primaries over TLS (RFC 9103): BIND, Knot and NSD; each proves who it is, and may ask ours to.
 *
 * The others listen on 127.0.0.1, so ours is at 127.0.0.2. Our primary with others as secondaries is in `tls.test.ts`.
 */
import anyTest, { type ExecutionContext } from 'ava';
import { dig, type KeyText, keyParts } from '../support/dig.ts';
import { FOLLOWER } from '../support/followers.ts';
import { LEADER, startLeader } from '../support/leaders.ts';
import { startNamed } from '../support/named.ts';
import { testWith } from '../support/needs.ts';
import { prepareNsd } from '../support/nsd.ts';
import { forFile } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { startProgram } from '../support/process.ts';
import { type Scene, startScene, zoneText } from '../support/scene.ts';
import { secrecyOf } from '../support/secrecy.ts';
import { bulk, certificatesOf, OURS, ZONE } from '../support/secure.ts';
import { until } from '../support/until.ts';

type Test = ExecutionContext<unknown>;

const secrecy = secrecyOf(anyTest);
const certificates = certificatesOf(forFile(anyTest));

/** Our secondary, whose primary is reached over TLS. */
const startOurs = (t: Test, key: KeyText, port: number, tlsPort: number, ...flags: readonly string[]): Promise<Scene> =>
  startScene(t, secrecy, 'secondary', ['--keys', key, '--primary-tls-port', `${tlsPort}`, ...flags], {
    address: OURS,
    port,
  });

testWith(anyTest, ['named', 'dig', 'nsupdate', 'openssl']).serial(
  'our secondary takes a zone of named over TLS alone, by a pin or an authority, with a certificate of its own',
  async (t) => {
    const { ca, other, own, client } = await certificates();
    const key = secrecy.newKey(`${FOLLOWER}.${OURS}._transfer.${ZONE}`);
    const port = await freePort(OURS, FOLLOWER);
    const tlsPort = await freePort(OURS, FOLLOWER);
    await startNamed(t, {
      port,
      keys: [key],
      zones: [
        {
          name: ZONE,
          text: zoneText(1, bulk()),
          allowTransfer: [`key "${keyParts(key).name}"`],
          allowUpdate: ['any'],
          alsoNotify: [{ address: OURS, port, key }],
        },
      ],
      options: `listen-on port ${tlsPort} tls own { 127.0.0.1; };`,
      extra: `tls own { cert-file "${own.cert}"; key-file "${own.key}"; ca-file "${ca.cert}"; protocols { TLSv1.3; }; };\n`,
    });
    const ways = [
      ['--primary-tls', `pin:${own.pin}`, '--tls-client-cert', client.cert, '--tls-client-key', client.key],
      [
        '--primary-tls',
        `ca:${ca.cert}`,
        '--primary-name',
        'ns.mirage',
        '--tls-client-cert',
        client.cert,
        '--tls-client-key',
        client.key,
      ],
    ];
    for (const way of ways) {
      const ours = await startOurs(t, key, port, tlsPort, ...way);
      await until(() => ours.serial(ZONE), { what: 'the zone is there' });
      t.is(await ours.look(`host9.${ZONE}`), 'NOERROR 10.1.0.9');
      await ours.service.stop();
    }
    const ours = await startOurs(t, key, port, tlsPort, '--primary-tls', `pin:${other.pin}`);
    const { what } = await ours.service.waitForEvent('refresh.failed', { zone: `${ZONE}.` });
    t.regex(String(what), /the pin of its key is/);
    t.is(await ours.serial(ZONE), undefined);
    const stranger = await startOurs(t, key, await freePort(OURS), tlsPort, '--primary-tls', `ca:${ca.cert}`);
    await stranger.service.waitForEvent('refresh.failed', { zone: `${ZONE}.` });
    t.is(await stranger.serial(ZONE), undefined, 'named wants a certificate');
  },
);

testWith(anyTest, ['nsd', 'dig', 'openssl']).serial('our secondary takes a zone of nsd over TLS', async (t) => {
  const { ca } = await certificates();
  const its = await ca.sign(['nsd.mirage']);
  const key = secrecy.newKey(`${FOLLOWER}.${OURS}._transfer.${ZONE}`);
  const tlsPort = await freePort(FOLLOWER);
  const prepared = await prepareNsd(t, [{ name: ZONE, text: `$ORIGIN ${ZONE}.\n${zoneText(1, bulk())}` }], {
    key,
    server: [
      `ip-address: ${FOLLOWER}@${tlsPort}`,
      `tls-service-key: "${its.key}"`,
      `tls-service-pem: "${its.cert}"`,
      `tls-port: ${tlsPort}`,
    ],
  });
  const program = await startProgram(t, prepared.command, prepared.args, { cwd: prepared.folder });
  await program.waitForLine('nsd started');
  const way = ['--primary-tls', `ca:${ca.cert}`, '--primary-name', 'nsd.mirage'];
  const ours = await startOurs(t, key, await freePort(OURS), tlsPort, ...way);
  await until(() => ours.serial(ZONE), { what: 'the zone is there' });
  t.is(await ours.look(`host9.${ZONE}`), 'NOERROR 10.1.0.9');
});

for (const way of ['plain', 'tls'] as const)
  testWith(anyTest, ['knotd-3.4', 'dig', 'openssl']).serial(
    `our secondary follows knotd-3.4 over TLS, whole and by differences, and is told ${way === 'tls' ? 'over TLS too' : 'in plain'}`,
    async (t) => {
      const { ca, own, client } = await certificates();
      const its = await ca.sign(['knot.mirage']);
      const key = secrecy.newKey(`${LEADER}.${OURS}._transfer.${ZONE}`);
      const port = await freePort(OURS, LEADER);
      const tlsPort = await freePort(OURS, LEADER);
      const version = (serial: number): string => zoneText(serial, `${bulk()}new A 192.0.2.${serial}\n`);
      const tls = {
        port: tlsPort,
        own: its,
        client,
        ...(way === 'tls' && { notified: { port: tlsPort, pin: own.pin } }),
      };
      const zones = [{ zone: ZONE, text: version(1), key }];
      const knot = await startLeader['knotd-3.4'](t, { zones, secondary: OURS, port, tls });
      const shown = ['--tls-client-cert', client.cert, '--tls-client-key', client.key];
      const listening = ['--tls-cert', own.cert, '--tls-key', own.key, '--tls-port', `${tlsPort}`];
      const ours = await startOurs(t, key, port, tlsPort, ...shown, '--primary-tls', `pin:${its.pin}`, ...listening);
      await ours.shows('NOERROR 192.0.2.1', `new.${ZONE}`);
      for (const serial of [2, 3]) {
        await knot.change({ [ZONE]: version(serial) });
        await ours.shows(`NOERROR 192.0.2.${serial}`, `new.${ZONE}`);
      }
      const told = way === 'tls' ? 'TLS' : 'TCP';
      await knot.program.waitForLine(new RegExp(`notify, outgoing, remote [^,]* ${told}.*, serial 3$`));
      t.is(await ours.look(`host1499.${ZONE}`), 'NOERROR 10.1.5.219');
      const forms = ours.service.lines.flatMap(({ text }) => /"transfer\.in".*"form":"(\w+)"/.exec(text)?.[1] ?? []);
      t.deepEqual(forms, ['AXFR', 'IXFR', 'IXFR']);
      const plain = await dig({ server: LEADER, port, args: [ZONE, 'AXFR'], key, owner: t });
      t.is(plain.status, 'TRANSFER FAILED');
    },
  );
