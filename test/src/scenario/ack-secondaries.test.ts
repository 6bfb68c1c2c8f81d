/** Updates that are answered once secondaries serve them: who counts as one secondary, with real processes and over TLS. */
import anyTest from 'ava';
import { newAuthority } from '../support/certificates.ts';
import { testWith } from '../support/needs.ts';
import { forFile, temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { makeRepository } from '../support/repository.ts';
import { PRIMARY, SECONDARY, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';

interface Served {
  readonly secondary: string;
  readonly serial?: number;
  readonly lag: number;
}

interface Page {
  readonly zones: readonly { readonly zone: string; readonly secondaries: readonly Served[] }[];
}

const secrecy = secrecyOf(anyTest);
const owner = forFile(anyTest);
const CATALOG = 'catalog.invalid';

for (const more of [[], ['--catalog', CATALOG]] as const)
  testWith(anyTest, ['git', 'dig', 'nsupdate', 'openssl']).serial(
    `a hidden secondary over TLS is one copy of three that are wanted${more.length > 0 ? ', and its catalog is known' : ''}`,
    async (t) => {
      const ca = await newAuthority(owner);
      const own = await ca.sign(['ns.mirage', PRIMARY]);
      const [admin, hidden] = [secrecy.newKey('admin._update'), secrecy.newKey(`x.${PRIMARY}._transfer`)];
      const repository = await makeRepository(t, { _keys: [admin, hidden].map(keyLine).join(''), mirage: zoneText(1) });
      const port = await freePort(PRIMARY, SECONDARY);
      const [tlsPort, http] = [await freePort(PRIMARY, SECONDARY), await freePort(PRIMARY)];
      const tls = ['--tls-cert', own.cert, '--tls-key', own.key, '--tls-port', `${tlsPort}`];
      const ack = ['--ack', 'secondaries=3', '--data', temporaryFolder(t), '--http', `${http}`];
      const flags = ['--remote', repository.path, ...tls, ...ack, ...more];
      const primary = await startScene(t, secrecy, 'primary', flags, { port });
      const way = ['--primary-tls', `ca:${ca.cert}`, '--primary-tls-port', `${tlsPort}`];
      const secondary = await startScene(
        t,
        secrecy,
        'secondary',
        ['--keys', hidden, '--data', temporaryFolder(t), ...way, ...more],
        { port },
      );
      await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
      const of = async (zone: string): Promise<readonly Served[]> => {
        const page = (await (await fetch(`http://127.0.0.1:${http}/status`)).json()) as Page;
        return page.zones.find((each) => each.zone === `${zone}.`)?.secondaries ?? [];
      };
      const isKnown = (zone: string): Promise<readonly Served[]> =>
        until(() => of(zone), {
          what: `the serial of ${zone} is known`,
          holds: ([first]) => first?.lag === 0 && first.serial !== undefined,
          timeout: 30_000,
        });
      t.is((await isKnown('mirage')).length, 1);
      const done = await primary.update(admin, 'zone mirage', 'add a.mirage 60 A 192.0.2.1');
      t.not(done.code, 0, done.text);
      await secondary.shows('NOERROR 192.0.2.1', 'a.mirage');
      const unspread = await primary.service.waitForEvent('update.unspread');
      t.regex(JSON.stringify(unspread), /only 1 of 3 secondaries/);
      for (const zone of ['mirage', ...more.slice(1)]) t.is((await isKnown(zone)).length, 1);
    },
  );
