/** What tests of transfers over TLS have in common: a zone that takes several messages, and the certificates of both sides. */
import { type Authority, type Certificate, newAuthority } from './certificates.ts';
import { FOLLOWER } from './followers.ts';
import type { Owner } from './owner.ts';

/** Where ours listens. */
export const OURS = '127.0.0.2';
export const ZONE = 'mirage';

/** Lines of a zone file that make more than 64 KiB. */
export const bulk = (count = 1500): string =>
  Array.from(
    { length: count },
    (_, n) => `host${n} A 10.1.${n >> 8}.${n & 255}\n TXT "host ${n}" "${'x'.repeat(60)}"\n`,
  ).join('');

export interface Certificates {
  readonly ca: Authority;
  readonly other: Authority;
  /** Of a server, for `ns.mirage` and the addresses of both sides. */
  readonly own: Certificate;
  readonly client: Certificate;
}

const make = async (owner: Owner): Promise<Certificates> => {
  const [ca, other] = await Promise.all([newAuthority(owner), newAuthority(owner, 'other')]);
  return { ca, other, own: await ca.sign(['ns.mirage', OURS, FOLLOWER]), client: await ca.sign(['client.mirage']) };
};

/** The certificates of a test file, made when they are first asked for. */
export const certificatesOf = (owner: Owner): (() => Promise<Certificates>) => {
  let making: Promise<Certificates> | undefined;
  return () => {
    making ??= make(owner);
    return making;
  };
};
