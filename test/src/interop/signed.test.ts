/**
 * Signed zones before validators: what ldns-signzone and dnssec-signzone have signed, is served by our primary, and unbound and delv
 * judge the answers. Whatever exists and whatever does not is secure where there is a chain of trust, insecure below a delegation
 * without DS, and never bogus.
 */
import anyTest from 'ava';
import { testWith } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { makeRepository } from '../support/repository.ts';
import { PRIMARY, startScene } from '../support/scene.ts';
import { secrecyOf } from '../support/secrecy.ts';
import { type Asked, FAMILIES, signFamily } from '../support/signed-zones.ts';
import { SIGNERS } from '../support/signer.ts';
import { delvOf, startUnbound, type Verdict } from '../support/validator.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, [...SIGNERS, 'unbound', 'delv', 'dig', 'git']);

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
