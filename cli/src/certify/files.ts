/**
 * The files of `zonewright certify`: private key, CSR, certificate. What is there is read and used, what is not is made.
 *
 * Always holds: each file is written whole or not at all; a key that is there is never replaced, nor one that another process
 * makes meanwhile, which is used then; key and CSR are for their owner alone; a link stays, and what it leads to is written. A
 * certificate keeps the mode of the one before, so that whoever was let to read it still may.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { makeDurably, writeDurably } from '@zonewright/common/git/durable';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { type Certificate, parseBundle, printBundle } from '@zonewright/letsencrypt/certificate';
import { type Csr, makeCsr, parseCsr } from '@zonewright/letsencrypt/csr';
import { isSameHosts } from '@zonewright/letsencrypt/host';
import { exportKey, importKey, kindOf, makeKey } from '@zonewright/letsencrypt/key';
import { printPem, readPem } from '@zonewright/letsencrypt/pem';
import { placeOf } from './link.ts';

/** Types of keys that can be made. */
export const KEY_TYPES = ['p256', 'p384', 'rsa', 'ed25519'] as const;

/** What is asked for. */
export interface Wanted {
  /** Lower case, the common name first. */
  readonly hosts: readonly string[];
  readonly keyFile: string;
  readonly csrFile: string;
  /** Of a key that is made; one that is there has to be of this type. */
  readonly type?: (typeof KEY_TYPES)[number];
  /** Of an RSA key that is made. */
  readonly bits?: number;
}

const PRIVATE = 0o600;
const PUBLIC = 0o644;

/** The request of the CSR file; where there is none it is made, with the key of the key file, which is made too if need be. */
export async function request(wanted: Wanted, say: (line: string) => void): Promise<Result<Csr, Fault>> {
  const text = await read(wanted.csrFile);
  if (!text.ok) return text;
  const key = await readKey(wanted);
  if (!key.ok) return key;
  if (text.value !== undefined) return readRequest(text.value, key.value, wanted, say);
  const signer = key.value === undefined ? await newKey(wanted, say) : ok(key.value);
  return signer.ok ? newRequest(wanted, signer.value, say) : signer;
}

/** The certificates of a file; none where there is no file, or nothing in it that can be read. */
export async function certificates(file: string): Promise<Result<readonly Certificate[], Fault>> {
  const text = await read(file);
  if (!text.ok) return text;
  const bundle = parseBundle(text.value ?? '');
  return ok(bundle.ok ? bundle.value : []);
}

/** Writes a certificate and its chain, the certificate first. */
export async function writeCertificates(file: string, chain: readonly Certificate[]): Promise<Result<void, Fault>> {
  const before = await stat(file).catch(() => undefined);
  if (before?.isFile() === false) return fail({ kind: 'file', what: `cannot write ${file}: it is no file` });
  return write(file, printBundle(chain), before === undefined ? PUBLIC : before.mode & 0o777);
}

async function readKey({ keyFile, type }: Wanted): Promise<Result<KeyObject | undefined, Fault>> {
  const text = await read(keyFile);
  if (!text.ok || text.value === undefined) return text.ok ? ok(undefined) : text;
  const key = importKey(text.value);
  if (!key.ok) return fail({ ...key.fault, what: `${keyFile}: ${key.fault.what}` });
  const found = kindOf(key.value);
  if (type === undefined || found === type) return key;
  const hint = 'leave --type out to use it, or name another --key';
  return fail({ kind: 'usage', what: `the key in ${keyFile} is of type ${found}, not ${type}`, hint });
}

async function newKey(wanted: Wanted, say: (line: string) => void): Promise<Result<KeyObject, Fault>> {
  const { type = 'p256', bits, keyFile } = wanted;
  const key = await makeKey(type, bits);
  if (!key.ok) return fail({ ...key.fault, kind: 'usage' });
  const made = await make(keyFile, exportKey(key.value));
  if (!made.ok) return made;
  if (!made.value) {
    const theirs = await readKey(wanted);
    return theirs.ok ? stillThere(theirs.value, keyFile) : theirs;
  }
  say(`wrote a new private key ${keyFile}`);
  if (type === 'ed25519') say('note: public CAs do not certify Ed25519 keys');
  return key;
}

async function newRequest(wanted: Wanted, key: KeyObject, say: (line: string) => void): Promise<Result<Csr, Fault>> {
  const { hosts, csrFile } = wanted;
  const der = await makeCsr({ hosts, key });
  if (!der.ok) return fail({ ...der.fault, kind: 'usage' });
  const csr = parseCsr(der.value, { anyKey: true });
  if (!csr.ok) return csr;
  const made = await make(csrFile, printPem('CERTIFICATE REQUEST', der.value));
  if (!made.ok) return made;
  if (!made.value) {
    const text = await read(csrFile);
    const theirs = text.ok ? stillThere(text.value, csrFile) : text;
    return theirs.ok ? readRequest(theirs.value, key, wanted, say) : theirs;
  }
  say(`wrote the signing request ${csrFile}`);
  return csr;
}

/** What another process has made meanwhile. */
function stillThere<T>(value: T | undefined, file: string): Result<T, Fault> {
  return value === undefined ? fail({ kind: 'file', what: `${file} came and went meanwhile` }) : ok(value);
}

function readRequest(
  text: string,
  key: KeyObject | undefined,
  { hosts, csrFile, keyFile }: Wanted,
  say: (line: string) => void,
): Result<Csr, Fault> {
  const block = readPem(text)?.find(({ label }) => /^(NEW )?CERTIFICATE REQUEST$/.test(label));
  if (block === undefined) return fail({ kind: 'csr', what: `there is no CSR in PEM in ${csrFile}` });
  const csr = parseCsr(block.octets, { anyKey: true });
  if (!csr.ok) return fail({ ...csr.fault, what: `${csrFile}: ${csr.fault.what}` });
  if (!isSameHosts(csr.value.hosts, hosts)) {
    const what = `${csrFile} asks for ${csr.value.hosts.join(' ')}, the command line for ${hosts.join(' ')}`;
    return fail({ kind: 'usage', what, hint: `remove ${csrFile} to have it made anew, or name another --csr` });
  }
  if (key === undefined) say(`note: there is no private key ${keyFile}; the CSR was made with a key from elsewhere`);
  else if (!createPublicKey(key).export({ format: 'der', type: 'spki' }).equals(csr.value.publicKey)) {
    const what = `${csrFile} was made with another key than ${keyFile}`;
    return fail({ kind: 'usage', what, hint: `remove ${csrFile} to have it made anew, or name the right --key` });
  }
  return csr;
}

/** The text of a file; `undefined` where there is none. */
async function read(file: string): Promise<Result<string | undefined, Fault>> {
  try {
    return ok(await readFile(file, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT'
      ? ok(undefined)
      : fail({ kind: 'file', what: `cannot read ${file}: ${code ?? 'unknown'}` });
  }
}

/** Makes a private file; `false` where another process was first. */
async function make(file: string, text: string): Promise<Result<boolean, Fault>> {
  try {
    return ok(await makeDurably(await placeOf(file), text, PRIVATE));
  } catch (error) {
    return fail(unwritten(file, error));
  }
}

async function write(file: string, text: string, mode: number): Promise<Result<void, Fault>> {
  try {
    await writeDurably(await placeOf(file), text, mode);
    return ok(undefined);
  } catch (error) {
    return fail(unwritten(file, error));
  }
}

function unwritten(file: string, error: unknown): Fault {
  const { code } = error as NodeJS.ErrnoException;
  return { kind: 'file', what: `cannot write ${file}: ${code ?? 'unknown'}` };
}
