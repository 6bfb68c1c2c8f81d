/** The files of `certify`, where more than one process looks after them, or they are links. */
import { createPublicKey } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { certificates, request, type Wanted, writeCertificates } from '@zonewright/cli/certify/files';
import { parseCertificate } from '@zonewright/letsencrypt/certificate';
import { makeKey } from '@zonewright/letsencrypt/key';
import { selfSigned } from '@zonewright/letsencrypt/x509';
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

const newCertificate = async () => {
  const key = await makeKey('p256');
  if (!key.ok) throw new Error(key.fault.what);
  const notBefore = new Date(Date.UTC(2026, 10, 22));
  const der = await selfSigned({ key: key.value, hosts: [HOST], addresses: [], notBefore, days: 90 });
  const certificate = parseCertificate(der);
  if (!certificate.ok) throw new Error(certificate.fault.what);
  return certificate.value;
};

test('a certificate file that is a link stays one: what it leads to is written, be it there or not', async (t) => {
  const folder = temporaryFolder(t, 'certify');
  const inside = (...names: string[]): string => join(folder, ...names);
  mkdirSync(inside('far', 'live'), { recursive: true });
  symlinkSync('far/live', inside('live'));
  writeFileSync(inside('far', 'old.pem'), 'old');
  chmodSync(inside('far', 'old.pem'), 0o640);
  // Relative to where the links are: `..` of `live` is `far`.
  symlinkSync('live/../old.pem', inside('www.pem'));
  symlinkSync('www.pem', inside('again.pem'));
  symlinkSync(inside('live', 'new.pem'), inside('new-link.pem'));
  const leaf = await newCertificate();
  for (const [link, place] of [
    ['again.pem', inside('far', 'old.pem')],
    ['new-link.pem', inside('far', 'live', 'new.pem')],
  ] as const) {
    t.deepEqual(await writeCertificates(inside(link), [leaf]), { ok: true, value: undefined });
    t.true(lstatSync(inside(link)).isSymbolicLink(), link);
    t.true(lstatSync(place).isFile(), link);
    const read = await certificates(place);
    t.true(read.ok && Buffer.from(read.value[0]!.der).equals(leaf.der), link);
  }
  t.true(lstatSync(inside('www.pem')).isSymbolicLink());
  t.is(statSync(inside('again.pem')).mode & 0o777, 0o640);
  t.deepEqual(readdirSync(inside('far')).sort(), ['live', 'old.pem'], 'nothing else is left');
});

test('links that lead nowhere, or to what is no file, are refused and stay', async (t) => {
  const folder = temporaryFolder(t, 'certify');
  symlinkSync('round.pem', join(folder, 'round.pem'));
  symlinkSync('nowhere/www.pem', join(folder, 'lost.pem'));
  symlinkSync('/dev/null', join(folder, 'null.pem'));
  const leaf = await newCertificate();
  for (const name of ['round.pem', 'lost.pem', 'null.pem']) {
    t.like(await writeCertificates(join(folder, name), [leaf]), { ok: false, fault: { kind: 'file' } }, name);
    t.true(lstatSync(join(folder, name)).isSymbolicLink(), name);
  }
});

test('a key and a request that are links are made where those lead', async (t) => {
  const folder = temporaryFolder(t, 'certify');
  const wanted = wantedIn(folder);
  mkdirSync(join(folder, 'far'));
  symlinkSync('far/key', wanted.keyFile);
  symlinkSync('far/csr', wanted.csrFile);
  t.true((await request(wanted, () => undefined)).ok);
  for (const file of [wanted.keyFile, wanted.csrFile]) t.true(lstatSync(file).isSymbolicLink());
  for (const name of ['key', 'csr']) t.is(lstatSync(join(folder, 'far', name)).mode & 0o777, 0o600);
  const again: string[] = [];
  t.true((await request(wanted, (line) => void again.push(line))).ok);
  t.deepEqual(again, []);
});
