/**
 * Signed zones before validators: what ldns-signzone and dnssec-signzone have signed, is served by our primary, and unbound and delv
 * judge the answers. Whatever exists and whatever does not is secure where there is a chain of trust, insecure below a delegation
 * without DS, and never bogus.
 */
import anyTest from 'ava';
import { dig, keyParts, nsupdate } from '../support/dig.ts';
import { startNamed } from '../support/named.ts';
import { testWith } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { makeRepository } from '../support/repository.ts';
import { PRIMARY, SECONDARY, startScene, zoneText } from '../support/scene.ts';
import { secrecyOf } from '../support/secrecy.ts';
import { type Asked, FAMILIES, signFamily } from '../support/signed-zones.ts';
import { SIGNERS } from '../support/signer.ts';
import { until } from '../support/until.ts';
import { delvOf, startUnbound, type Verdict } from '../support/validator.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, [...SIGNERS, 'unbound', 'delv', 'named', 'nsupdate', 'dig', 'git']);

const types = ['A', 'AAAA', 'TXT', 'MX', 'NS', 'SOA', 'CNAME', 'DS', 'DNSKEY', 'NSEC', 'TLSA', 'TYPE65280'];

/** What no resolver can answer, whoever serves it: a loop, the DS of the topmost zone, CNAME below a DNAME with unbound 1.17. */
const isBeyondResolvers = ({ name }: Asked, type: string): boolean =>
  (name === 'loop1.example.' && type !== 'CNAME') ||
  (name === 'example.' && type === 'DS') ||
  (type === 'CNAME' && /\.(?:d|d2|d-nothing)\.example\.$|^q\.\*\.rename\./.test(name));

const expected = ({ trust, signedType }: Asked, type: string): Asked['trust'] =>
  type === signedType ? 'secure' : trust;

for (const family of FAMILIES) {
  const { signer, denial } = family;
  test.serial(`validators trust what is served of a zone signed with ${denial} by ${signer}`, async (t) => {
    const { parent, files, asked } = await signFamily(t, family);
    const repository = await makeRepository(t, { _keys: '', ...files });
    const port = await freePort(PRIMARY);
    await startScene(t, secrecy, 'primary', ['--remote', repository.path], { port });
    const zones = Object.keys(files).map((name) => ({ name, address: PRIMARY, port }));
    const unbound = await startUnbound(t, { zones, anchors: [parent] });
    const delv = delvOf({ owner: t, address: PRIMARY, port, anchor: parent });

    // Where a gap may hold unsigned delegations, what is not there cannot be secure (RFC 5155 9.2).
    const isJust = (verdict: Verdict, wanted: Verdict): boolean =>
      verdict === wanted || (denial === 'opt-out' && verdict === 'insecure');
    let secure = 0;
    for (const row of asked) {
      for (const type of types) {
        const wanted = expected(row, type);
        if (wanted === 'unreachable' || isBeyondResolvers(row, type)) continue;
        const { verdict, rcode, text } = await unbound.ask(row.name, type);
        t.true(isJust(verdict, wanted), `${row.name} ${type} is ${verdict} (${rcode}), not ${wanted}: ${text}`);
        if (verdict === 'secure') secure++;
      }
    }
    t.true(secure > 400, `${secure} secure answers`);

    for (const [question, wanted] of [
      ['www.example. A', 'secure'],
      ['mixed.example. TXT', 'secure'],
      ['b.c.example. A', 'secure'],
      ['nothing.at.all.example. A', 'secure'],
      ['any.w.example. A', 'secure'],
      ['any.w.example. TXT', 'secure'],
      ['to-wild.example. A', 'secure'],
      ['x.d.example. A', 'secure'],
      ['www.child.example. A', 'secure'],
      ['promised.example. DS', 'secure'],
      ['elsewhere.example. DS', 'secure'],
      ['www.plain.example. A', 'insecure'],
      ['q.plain.example. A', 'insecure'],
    ] as const) {
      const [name, type] = question.split(' ') as [string, string];
      const { verdict, text } = await delv(name, type);
      t.true(isJust(verdict, wanted), `delv finds ${question} ${verdict}, not ${wanted}: ${text}`);
    }
  });
}

test.serial('a zone that BIND signs as it changes stays secure with our secondary, by AXFR and by IXFR', async (t) => {
  const key = secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer.example`);
  const admin = secrecy.newKey('admin.bind');
  const port = await freePort(PRIMARY, SECONDARY);
  const named = await startNamed(t, {
    port,
    keys: [key, admin],
    zones: [
      {
        name: 'example',
        text: zoneText(1, 'www A 192.0.2.1\n*.w TXT "wild"\nb.ent A 192.0.2.2\nsub NS ns.elsewhere.\n'),
        allowUpdate: ['key "admin.bind"'],
        allowTransfer: [`key "${keyParts(key).name}"`],
        alsoNotify: [{ address: SECONDARY, key }],
        extra: 'dnssec-policy default;',
      },
    ],
  });
  const dnskey = await until(
    async () => (await dig({ server: PRIMARY, port, args: ['example', 'DNSKEY'] })).answer[0]?.data,
    { what: 'BIND has made a key' },
  );
  const secondary = await startScene(t, secrecy, 'secondary', ['--keys', key], { address: SECONDARY, port });
  const serialOf = async (server: string): Promise<string> =>
    (await dig({ server, port, args: ['example', 'SOA'] })).answer[0]?.data ?? server;
  const isLevel = (): Promise<unknown> =>
    until(async () => (await serialOf(PRIMARY)) === (await serialOf(SECONDARY)), { what: 'our secondary is level' });
  const signatures = async (): Promise<number> => (await secondary.ask('www.example', 'A', '+dnssec')).answer.length;
  await until(signatures, { what: 'the zone is signed', holds: (count) => count === 2 });

  const anchor = { origin: 'example.', text: '', ds: `example. DNSKEY ${dnskey}`, key: dnskey! };
  const zones = [{ name: 'example', address: SECONDARY, port }];
  const unbound = await startUnbound(t, { zones, anchors: [anchor] });
  const allSecure = async (names: readonly string[]): Promise<void> => {
    for (const name of names) {
      for (const type of ['A', 'TXT', 'DS', 'NSEC']) {
        const { verdict, text } = await unbound.ask(`${name}example.`, type);
        t.true(
          verdict === 'secure' || (name === '' && type === 'DS'),
          `${name}example. ${type} is ${verdict}: ${text}`,
        );
      }
    }
  };
  await isLevel();
  await allSecure(['', 'www.', 'nothing.', 'ent.', 'b.ent.', 'x.w.', 'x.www.']);
  for (let n = 1; n <= 5; n++) {
    const commands = ['zone example', `add new${n}.example 60 A 192.0.2.${n}`, `add a.b${n}.example 60 TXT deep`];
    const more = n === 3 ? ['del b.ent.example', 'del new1.example'] : [];
    const update = await nsupdate({ server: PRIMARY, port, key: admin, owner: t, commands: [...commands, ...more] });
    t.is(update.code, 0, update.text);
  }
  await until(async () => (await unbound.ask('new5.example.', 'A')).rcode, {
    what: 'it is there',
    holds: (rcode) => rcode === 0,
  });
  await isLevel();
  await allSecure([
    'new1.',
    'new2.',
    'new5.',
    'b1.',
    'a.b5.',
    'x.b3.',
    'ent.',
    'b.ent.',
    'x.w.',
    'nothing.',
    'x.new4.',
  ]);
  await secondary.service.waitForEvent('transfer.in', { form: 'IXFR' });
  await named.stop();
});
