/**
 * Whether a certificate beside a request counts as issued by the CA. Whoever posts puts there what they like, signed by themselves with any
 * dates, and what counts as issued is renewed first and asked about.
 *
 * It counts if this service remembers having issued it, or if the certificate of its issuer stands in the chain - the remembered one,
 * or, without memory, that beside it - and has signed it with another key than the request's. Left out: the path up to a root,
 * which nobody here knows; who makes an authority of their own and posts its chain is taken for a CA. Pure.
 */
import { type Certificate, isIssuer } from './certificate.ts';
import type { Posting } from './posting.ts';
import type { Issued } from './publish.ts';

/** Milliseconds after its end in which another certificate is still a renewal of it. */
const RENEWABLE = 30 * 86_400_000;

/** Does `certificate` count as issued? `remembered`: what was issued last for the same request. */
export function countsAsIssued(
  certificate: Certificate,
  { csr, chain }: Pick<Posting, 'csr' | 'chain'>,
  remembered: Issued | undefined,
): boolean {
  if (remembered !== undefined && Buffer.compare(remembered.certificate.der, certificate.der) === 0) return true;
  const authorities = remembered?.chain ?? chain;
  return authorities.some((one) => Buffer.compare(one.publicKey, csr.publicKey) !== 0 && isIssuer(one, certificate));
}

/**
 * The certificate that another one is a renewal of: of those that answer the request the one that ends last, if it counts as issued, and
 * ended {@link RENEWABLE} ago at most; `undefined` if there is none.
 */
export function renewed(
  posting: Pick<Posting, 'csr' | 'certificates' | 'chain'>,
  remembered: Issued | undefined,
  now: number,
  isAnswer: (certificate: Certificate) => boolean,
): Certificate | undefined {
  const known = remembered === undefined ? [] : [remembered.certificate];
  const [latest] = [...posting.certificates, ...known].filter(isAnswer).sort((a, b) => b.notAfter - a.notAfter);
  const isRenewable = latest !== undefined && now <= latest.notAfter + RENEWABLE;
  return isRenewable && countsAsIssued(latest, posting, remembered) ? latest : undefined;
}
