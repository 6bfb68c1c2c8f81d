/** Limits of keys in a running primary: what is beyond them is refused, and a key that is limited wrongly is none. */
import anyTest from 'ava';
import { dig } from '../support/dig.ts';
import { testWith } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { makeRepository } from '../support/repository.ts';
import { PRIMARY, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git', 'dig', 'nsupdate']);

test('a key updates within its limits, until it expires, and not at all when they are malformed', async (t) => {
  const [limited, expired, broken] = ['limited', 'expired', 'broken'].map((name) =>
    secrecy.newKey(`${name}._update.mirage`),
  );
  const lines = [
    `${keyLine(limited!)} TXT "types=A,TXT names=*.dyn,gate expires=2100-01-01"`,
    `${keyLine(expired!)} TXT "expires=2020-01-01"`,
    `${keyLine(broken!)} TXT "types=A,NOSUCH"`,
  ];
  const repository = await makeRepository(t, { 'mirage._keys': `${lines.join('\n')}\n`, mirage: zoneText(1) });
  const port = await freePort(PRIMARY);
  const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path], { port });
  const said = async (key: string, ...commands: readonly string[]): Promise<string> => {
    const { code, text } = await primary.update(key, 'zone mirage', ...commands);
    return code === 0 ? 'NOERROR' : (/update failed: (\w+(?:\(\w+\))?)/.exec(text)?.[1] ?? text);
  };
  t.is(await said(limited!, 'add a.dyn.mirage 60 A 192.0.2.1', 'add gate.mirage 60 TXT open'), 'NOERROR');
  t.is(await said(limited!, 'del a.dyn.mirage', 'add a.dyn.mirage 60 A 192.0.2.2'), 'NOERROR');
  t.is(await said(limited!, 'add a.dyn.mirage 60 AAAA 2001:db8::1'), 'REFUSED');
  t.is(await said(limited!, 'add b.dyn.mirage 60 A 192.0.2.1', 'add dyn.mirage 60 A 192.0.2.1'), 'REFUSED');
  t.is(await primary.look('b.dyn.mirage'), 'NXDOMAIN', 'nothing is done in part');
  t.is(await primary.look('a.dyn.mirage'), 'NOERROR 192.0.2.2');
  for (const key of [expired!, broken!]) {
    t.regex(await said(key, 'add gate.mirage 60 A 192.0.2.1'), /NOTAUTH\(BADKEY\)|BADKEY/);
    const transfer = await dig({ server: PRIMARY, port, args: ['mirage', 'AXFR'], key, owner: t });
    t.is(transfer.status, 'TRANSFER FAILED', 'nor may it do anything else');
  }
  await primary.service.waitForEvent('key.rejected', { file: 'mirage._keys' });
});
