/** Certificates for tests, made by openssl: authorities, and what they sign, in a folder that goes with its owner. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Owner, temporaryFolder } from './owner.ts';
import { run } from './process.ts';

export interface Certificate {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
  /** SHA-256 of the SubjectPublicKeyInfo, base64. */
  readonly pin: string;
}

export interface Authority extends Certificate {
  /** Signs a certificate for names (`ns.example`) and addresses (`192.0.2.1`). `days`: for which it is valid; 30 unless given. */
  sign(names: readonly string[], days?: number): Promise<Certificate>;
}

const openssl = async (folder: string, ...args: readonly string[]): Promise<string> => {
  const ran = await run('openssl', args, { cwd: folder });
  if (ran.code !== 0) throw new Error(`openssl ${args[0]}: ${ran.stderr}`);
  return ran.stdout;
};

/** Files of its own beside the certificate: several may be signed at the same time. */
const pinOf = async (folder: string, cert: string): Promise<string> => {
  const [pem, der] = [`${cert}.public.pem`, `${cert}.public.der`];
  writeFileSync(pem, await openssl(folder, 'x509', '-in', cert, '-noout', '-pubkey'));
  await openssl(folder, 'pkey', '-pubin', '-in', pem, '-outform', 'DER', '-out', der);
  const digest = await openssl(folder, 'dgst', '-sha256', '-r', der);
  return Buffer.from(digest.split(' ')[0]!, 'hex').toString('base64');
};

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'] as const;

export const newAuthority = async (owner: Owner, name = 'test'): Promise<Authority> => {
  const folder = temporaryFolder(owner, 'certificates');
  const cert = join(folder, 'ca.pem');
  const key = join(folder, 'ca.key');
  const self = ['req', '-x509', ...NEW_KEY, '-keyout', key, '-out', cert, '-days', '30', '-subj', `/CN=${name}`];
  await openssl(folder, ...self);
  let signed = 0;
  return {
    cert,
    key,
    pin: await pinOf(folder, cert),
    sign: async (names, days = 30) => {
      const serial = `${++signed}`;
      const base = join(folder, serial);
      const its = { cert: `${base}.pem`, key: `${base}.key` };
      await openssl(folder, 'req', ...NEW_KEY, '-keyout', its.key, '-out', `${base}.csr`, '-subj', `/CN=${names[0]}`);
      const all = names.map((it) => (/^[\d.]+$|:/.test(it) ? `IP:${it}` : `DNS:${it}`));
      writeFileSync(`${base}.ext`, `subjectAltName=${all.join(',')}\n`);
      const by = ['-CA', cert, '-CAkey', key, '-set_serial', serial, '-days', `${days}`, '-extfile', `${base}.ext`];
      await openssl(folder, 'x509', '-req', '-in', `${base}.csr`, ...by, '-out', its.cert);
      return { ...its, pin: await pinOf(folder, its.cert) };
    },
  };
};
