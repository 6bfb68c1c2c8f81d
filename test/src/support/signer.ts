/**
 * Zones signed by others: `ldns-signzone` and BIND's `dnssec-signzone`, with new keys of ECDSAP256SHA256 (RFC 6605), one for the keys
 * and one for the rest. All files are in a temporary folder that goes with its owner; only text comes out.
 *
 * Signatures are valid from an hour ago for the next four weeks. Left out: rollovers, several algorithms.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Owner, temporaryFolder } from './owner.ts';
import { type Ran, run } from './process.ts';

/** The programs that signing needs, for `testWith`. */
export const SIGNERS = ['ldns-signzone', 'dnssec-signzone', 'dnssec-keygen', 'dnssec-dsfromkey'] as const;

export type Signer = 'ldns-signzone' | 'dnssec-signzone';

/** How a zone proves that something is not there: RFC 4034 4, RFC 5155, RFC 5155 6. */
export type Denial = 'NSEC' | 'NSEC3' | 'opt-out';

export interface SigningOptions {
  readonly signer: Signer;
  /** Presentation form with the final dot. */
  readonly origin: string;
  /** The zone file. */
  readonly text: string;
  readonly denial: Denial;
  /** Of NSEC3; 0 unless given. */
  readonly iterations?: number;
  /** Of NSEC3, in hexadecimal; none unless given. */
  readonly salt?: string;
}

export interface SignedZone {
  /** Presentation form with the final dot. */
  readonly origin: string;
  /** The zone file with all that was made. */
  readonly text: string;
  /** The DS record of the zone as a line for its parent's file, and for a validator. */
  readonly ds: string;
  /** The RDATA of the DNSKEY that the DS is of: flags, protocol, algorithm, base64. */
  readonly key: string;
}

const succeed = async (command: string, args: readonly string[], cwd: string): Promise<Ran> => {
  const ran = await run(command, args, { cwd });
  if (ran.code !== 0) throw new Error(`${command} ${args.join(' ')}: ${ran.code}\n${ran.stdout}${ran.stderr}`);
  return ran;
};

/** Makes a key in `folder`; gives the name of its files without their ending. */
const makeKey = async (folder: string, origin: string, ...more: string[]): Promise<string> =>
  (await succeed('dnssec-keygen', ['-q', '-a', 'ECDSAP256SHA256', ...more, origin], folder)).stdout.trim();

const HOUR = 3600;

const argumentsOf = (options: SigningOptions, keys: readonly string[]): readonly string[] => {
  const { signer, origin, denial, iterations = 0, salt = '' } = options;
  const isHashed = denial !== 'NSEC';
  const isOptOut = denial === 'opt-out';
  if (signer === 'ldns-signzone') {
    const now = Math.floor(Date.now() / 1000);
    const hashed = ['-n', '-t', `${iterations}`, ...(salt === '' ? [] : ['-s', salt]), ...(isOptOut ? ['-p'] : [])];
    const times = ['-i', `${now - HOUR}`, '-e', `${now + 28 * 24 * HOUR}`];
    return [...(isHashed ? hashed : []), ...times, '-o', origin, '-f', 'signed', 'zone', ...keys];
  }
  const hashed = ['-3', salt === '' ? '-' : salt, '-H', `${iterations}`, ...(isOptOut ? ['-A'] : [])];
  const made = ['-q', '-S', '-x', '-K', '.', '-e', `+${28 * 24 * HOUR}`, '-o', origin, '-f', 'signed'];
  return [...made, ...(isHashed ? hashed : []), 'zone'];
};

/** Signs a zone. Throws with what the signer says where that refuses. */
export const signZone = async (owner: Owner, options: SigningOptions): Promise<SignedZone> => {
  const { signer, origin, text } = options;
  const folder = temporaryFolder(owner, 'signer');
  writeFileSync(join(folder, 'zone'), text);
  const ksk = await makeKey(folder, origin, '-f', 'KSK');
  const zsk = await makeKey(folder, origin);
  await succeed(signer, argumentsOf(options, [ksk, zsk]), folder);
  const { stdout: ds } = await succeed('dnssec-dsfromkey', ['-2', `${ksk}.key`], folder);
  const [, key = ''] = /\sDNSKEY\s+(.*)$/m.exec(readFileSync(join(folder, `${ksk}.key`), 'utf8')) ?? [];
  return { origin, text: readFileSync(join(folder, 'signed'), 'utf8'), ds: ds.trim(), key };
};
