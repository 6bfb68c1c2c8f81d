/** The files of `certify`, where more than one process looks after them, or they are links. */
import { createPublicKey } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { request, type Wanted } from '@zonewright/cli/certify/files';
import test from 'ava';
import { temporaryFolder } from '../support/owner.ts';

const HOST = 'www.certified.test';
const wantedIn = (folder: string): Wanted => ({
  hosts: [HOST],
  keyFile: join(folder, `${HOST}.key`),
  csrFile: join(folder, `${HOST}.req`),
});

test('of several who want a key in one folder, one makes it, and all use it, with one request', async (t) => {
  const folder = temporaryFolder(t, 'certify');
  const wanted = { ...wantedIn(folder), type: 'rsa', bits: 2048 } as const;
  const said: string[] = [];
  const requests = await Promise.all(Array.from({ length: 4 }, () => request(wanted, (line) => void said.push(line))));
  t.is(said.filter((line) => line.startsWith('wrote a new private key')).length, 1);
  t.is(said.filter((line) => line.startsWith('wrote the signing request')).length, 1);
  const key = createPublicKey(readFileSync(wanted.keyFile)).export({ format: 'der', type: 'spki' });
  for (const csr of requests) t.true(csr.ok && key.equals(csr.value.publicKey));
  t.is(new Set(requests.map((csr) => (csr.ok ? Buffer.from(csr.value.der).toString('hex') : ''))).size, 1);
  t.deepEqual(readdirSync(folder).sort(), [`${HOST}.key`, `${HOST}.req`], 'nothing else is left');
  t.is(statSync(wanted.keyFile).mode & 0o777, 0o600);
});

test('who wants other names than one who was a little faster is told so', async (t) => {
  const wanted = wantedIn(temporaryFolder(t, 'certify'));
  const [one, two] = await Promise.all([
    request({ ...wanted, hosts: [HOST, `a.${HOST}`] }, () => undefined),
    request(wanted, () => undefined),
  ]);
  const [met, told] = one.ok ? [one, two] : [two, one];
  const key = createPublicKey(readFileSync(wanted.keyFile)).export({ format: 'der', type: 'spki' });
  t.true(met.ok && key.equals(met.value.publicKey));
  t.like(told, { ok: false, fault: { kind: 'usage' } });
});
